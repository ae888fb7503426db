import { LoopwrightError } from '../core/errors.ts'
import type { Env } from './environment.ts'

/** What GitHub Actions tells a step, by its environment. */
export interface ActionEnvironment {
  /** The name of the event that started the workflow. */
  readonly event?: string
  /** The file with its payload. */
  readonly payload?: string
  /** Files that a step appends to. */
  readonly summary?: string
  readonly output?: string
}

export function actionEnvironment(env: Env): ActionEnvironment {
  const get = (name: string) => {
    const text = env[name]?.trim()
    return text === '' ? undefined : text
  }
  const [event, payload] = [get('GITHUB_EVENT_NAME'), get('GITHUB_EVENT_PATH')]
  const [summary, output] = [get('GITHUB_STEP_SUMMARY'), get('GITHUB_OUTPUT')]
  return {
    ...(event === undefined ? {} : { event }),
    ...(payload === undefined ? {} : { payload }),
    ...(summary === undefined ? {} : { summary }),
    ...(output === undefined ? {} : { output }),
  }
}

export const webhookSecretVariable = 'LOOPWRIGHT_WEBHOOK_SECRET'

/** The secret that GitHub signs webhooks with. Throws `bad_input` where there is none, or one that can be guessed. */
export function webhookSecret(env: Env): string {
  const secret = env[webhookSecretVariable] ?? ''
  if (secret.length >= 16) return secret
  const why = secret === '' ? 'is not set' : 'is too short: at least 16 characters'
  throw new LoopwrightError('bad_input', `${webhookSecretVariable} ${why}`, {
    hint: 'set it to what the webhook has as its secret: openssl rand -hex 32 makes one',
  })
}
