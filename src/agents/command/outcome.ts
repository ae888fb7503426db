import type { AgentOutcome } from '../../core/ports.ts'
import type { Supervised } from '../../process/supervise.ts'
import { lastOf } from '../bounded.ts'
import { classify, saysNoMemory } from './classify.ts'
import type { Reading } from './reader.ts'

/** Why an agent's call ended as it did. */
export interface Ending {
  readonly outcome: AgentOutcome
  readonly message?: string
  readonly resetAt?: number
}

/** All that the outcome is decided from. */
export interface Facts {
  readonly name: string
  readonly ran: Pick<
    Supervised,
    'exitCode' | 'signal' | 'stdout' | 'stderr' | 'timedOut' | 'aborted' | 'spawnError' | 'spawnReason'
  >
  readonly reading: Reading
  /** Why we stopped it ourselves, if we did. */
  readonly stopped?: { readonly outcome: 'failed' | 'stalled'; readonly message: string }
  readonly timeoutMs?: number
  readonly login?: string
  readonly install?: string
  readonly now: number
}

/** How much of stderr a message quotes. */
const stderrLimit = 500

/**
 * Decides what a call came to: never by the exit code alone. An agent that exits 0 after a signal, with an error in its stream,
 * with edits that were refused, before its stream ended, or without a word, has not done its work.
 */
export function decide(facts: Facts): Ending {
  const { ran, reading, name } = facts
  if (ran.spawnError !== undefined) {
    const hint = ran.spawnReason === 'not_found' && facts.install !== undefined ? ` (install it: ${facts.install})` : ''
    return { outcome: 'failed', message: `${name}: ${ran.spawnError}${hint}` }
  }
  // What had ended by itself just before we stopped it is done.
  const through = facts.stopped !== undefined && reading.complete === true && reading.error === undefined
  if (facts.stopped !== undefined && !through) {
    const { outcome, message } = facts.stopped
    return outcome === 'stalled' ? { outcome, message: `${name} ${message}${snippet(ran)}` } : facts.stopped
  }
  if (ran.aborted && !through) return { outcome: 'killed', message: `${name} was stopped` }
  if (ran.timedOut) {
    return { outcome: 'timeout', message: `${name} timed out after ${(facts.timeoutMs ?? 0) / 1000}s${snippet(ran)}` }
  }
  const clean = ran.exitCode === 0 || through
  if (!clean && (saysNoMemory(ran.stderr) || saysNoMemory(ran.stdout))) {
    return { outcome: 'oom', message: `${name} ran out of memory: ${lastOf(ran.stderr || ran.stdout, stderrLimit)}` }
  }
  if (reading.error !== undefined) {
    const { message, status, resetAt } = reading.error
    return explain(facts, message, {
      ...classify(message, status, facts.now),
      ...(resetAt === undefined ? {} : { resetAt }),
    })
  }
  if (!clean && (ran.signal !== null || ran.exitCode === null)) {
    const memory = ran.signal === 'SIGKILL' ? ', perhaps because memory ran out' : ''
    return { outcome: 'killed', message: `${name} was ended by ${ran.signal ?? 'a signal'}${memory}` }
  }
  if (!clean) {
    const said = lastOf(ran.stderr, stderrLimit) || lastOf(ran.stdout, stderrLimit)
    const message = `exited ${ran.exitCode}${said === '' ? '' : `: ${said}`}`
    return explain(facts, message, classify(said, undefined, facts.now))
  }
  const denied = [...new Set(reading.denied ?? [])]
  if (denied.length > 0) {
    return {
      outcome: 'refused',
      message: `${name} was not allowed to use ${denied.join(', ')}; allow it in its settings, or run with --skip-permissions in an isolated workspace`,
    }
  }
  if (reading.complete === false)
    return { outcome: 'failed', message: `${name} exited 0 before its answer was complete${snippet(ran)}` }
  if (reading.text.trim() === '') return { outcome: 'failed', message: `${name}: empty output` }
  return { outcome: 'done' }
}

function explain(facts: Facts, message: string, verdict: { outcome: AgentOutcome; resetAt?: number }): Ending {
  const hint = verdict.outcome === 'auth' && facts.login !== undefined ? ` (${facts.login})` : ''
  return { ...verdict, message: `${facts.name}: ${lastOf(message, stderrLimit + 100)}${hint}` }
}

function snippet(ran: Facts['ran']): string {
  const out = lastOf(ran.stdout, stderrLimit)
  const err = lastOf(ran.stderr, stderrLimit)
  return `${out === '' ? '' : `; stdout: ${out}`}${err === '' ? '' : `; stderr: ${err}`}`
}
