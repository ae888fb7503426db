import type { CheckResult, CommandOptions, CommandSpec, RunCheck } from '../core/ports.ts'
import type { Source } from '../core/triage/ports.ts'
import { type Look, source } from './look.ts'

export interface ChecksOptions {
  readonly checks: readonly CommandSpec[]
  /** Runs one, with the environment the caller thinks right: no token that may write belongs in it. */
  readonly run: RunCheck
  /** Where they run and how they are confined; a check takes ten minutes at most where nothing else is said. */
  readonly options: Omit<CommandOptions, 'signal'>
}

const shownChars = 4000

/** Checks of the project that fail now, with the end of what they print. */
export function checksSource({ checks, run, options }: ChecksOptions): Source {
  return source('checks', async (signal): Promise<Look> => {
    if (checks.length === 0) return { why: 'the project names no checks' }
    const findings = []
    for (const check of checks) {
      if (signal.aborted) return { why: 'called off' }
      const result = await run(check, { timeoutMs: 600_000, tailChars: shownChars, ...options, signal })
      if (signal.aborted) return { why: 'called off' }
      if (result.ok) continue
      const title = `${result.name} fails: ${result.error ?? 'it is not ok'}`
      findings.push({
        id: `check:${result.name}`,
        source: 'checks',
        title,
        body: endOf(result),
        weight: 'high',
      } as const)
    }
    return { findings }
  })
}

function endOf({ stdout, stderr }: CheckResult): string {
  return [stdout, stderr]
    .map((text) => text.trim().slice(-shownChars / 2))
    .filter((text) => text !== '')
    .join('\n')
}
