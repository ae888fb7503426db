import { LoopwrightError } from '../core/errors.ts'
import type { Notice } from '../core/triage/ports.ts'
import { webhookAddress } from '../core/webhook-address.ts'
import { webhookSecretVariable } from './actions.ts'
import type { Env } from './environment.ts'
import type { FileConfig } from './schema.ts'

/** Somebody who is told of what happens. The address and the secret are never shown. */
export interface NotifySetting {
  readonly kind: 'slack' | 'discord' | 'webhook' | 'desktop'
  /** What it is called in messages: its kind, numbered where there are several. */
  readonly name: string
  readonly on: readonly Notice['kind'][]
  /** Absent for the desktop, and where `problem` says why. */
  readonly url?: URL
  readonly secret?: string
  /** The variable that names the address, or the file that holds it. */
  readonly from: string
  /** Why it cannot be told: its variable is not set. */
  readonly problem?: string
}

/** Variables that each add a notifier. */
const shortcuts = [
  ['LOOPWRIGHT_SLACK_WEBHOOK', 'slack'],
  ['LOOPWRIGHT_DISCORD_WEBHOOK', 'discord'],
] as const

/** What is told unless a setting says otherwise: whatever a person may want to act on. */
const usual: readonly Notice['kind'][] = ['escalation', 'halted', 'failed', 'proposed', 'merged']

/**
 * Who is told, as the user's own config.yaml and the environment say it. A variable that is not set is a problem of that notifier, and
 * of nothing else. Throws `bad_input` for an address that no webhook has, without repeating it.
 */
export function notifySettings(given: FileConfig['notify'], env: Env, file: string): NotifySetting[] {
  const found: Omit<NotifySetting, 'name'>[] = (given ?? []).map((one, i) => {
    const at = `${file}: notify[${i}]`
    const shared = { kind: one.kind, on: one.on ?? usual }
    if (one.kind === 'desktop') return { ...shared, from: file }
    const variable = one.urlEnv
    const text = variable === undefined ? one.url : setIn(env, variable)
    const from = variable ?? file
    if (text === undefined) return { ...shared, from, problem: `${variable} is not set` }
    const url = webhookAddress(text, variable === undefined ? `${at}.url` : `${at}: ${variable}`)
    if (one.kind !== 'webhook' || one.secretEnv === undefined) return { ...shared, from, url }
    const secret = setIn(env, one.secretEnv)
    if (secret === undefined) return { ...shared, from, problem: `${one.secretEnv} is not set` }
    if (secret.length < 16) {
      throw new LoopwrightError('bad_input', `${at}: ${one.secretEnv} is too short for a secret`, {
        hint: 'at least 16 characters: openssl rand -hex 32',
      })
    }
    return { ...shared, from, url, secret }
  })
  for (const [variable, kind] of shortcuts) {
    const text = setIn(env, variable)
    if (text !== undefined) found.push({ kind, on: usual, from: variable, url: webhookAddress(text, variable) })
  }
  return found.map((one, i) => {
    const same = found.filter(({ kind }) => kind === one.kind)
    const number = found.slice(0, i + 1).filter(({ kind }) => kind === one.kind).length
    return { ...one, name: same.length === 1 ? one.kind : `${one.kind} ${number}` }
  })
}

/** What of these settings must never be shown: addresses, whole and without their host, and secrets. */
export function notifySecrets(settings: readonly NotifySetting[]): string[] {
  return settings.flatMap(({ url, secret }) => [
    ...(url === undefined ? [] : [url.href, ...(url.pathname.length >= 12 ? [url.pathname] : [])]),
    ...(secret === undefined ? [] : [secret]),
  ])
}

/** Variables that nothing we start is given: they hold addresses and secrets of ours. */
export function withheldVariables(given: FileConfig['notify']): Set<string> {
  const named = (given ?? []).flatMap((one) => [
    ...('urlEnv' in one && one.urlEnv !== undefined ? [one.urlEnv] : []),
    ...('secretEnv' in one && one.secretEnv !== undefined ? [one.secretEnv] : []),
  ])
  return new Set([...shortcuts.map(([variable]) => variable), webhookSecretVariable, ...named])
}

/** A notifier for people: `slack (escalation, failed) by LOOPWRIGHT_SLACK_WEBHOOK`. */
export function notifyText({ name, on, problem }: NotifySetting): string {
  return `${name}: ${problem ?? (on.length === 0 ? 'nothing' : on.join(', '))}`
}

function setIn(env: Env, variable: string): string | undefined {
  const text = env[variable]?.trim()
  return text === '' ? undefined : text
}
