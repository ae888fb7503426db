import type { AgentOutcome } from '../../core/ports.ts'
import { memoryMarker } from '../../process/memory-marker.ts'
import type { Supervised } from '../../process/supervise.ts'
import { endOf } from '../bounded.ts'
import { classify, type Verdict } from './classify.ts'
import type { Advice } from './preset.ts'
import type { ReadError, Reading } from './reader.ts'
import { isBelievable } from './reset.ts'

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
    | 'exitCode'
    | 'signal'
    | 'stdout'
    | 'stderr'
    | 'timedOut'
    | 'aborted'
    | 'stalled'
    | 'flooded'
    | 'oom'
    | 'spawnError'
    | 'spawnReason'
  >
  readonly reading: Reading
  /** Why we stopped it ourselves, if we did. */
  readonly stopped?: { readonly outcome: 'failed' | 'stalled' | 'stuck'; readonly message: string }
  readonly timeoutMs?: number
  readonly stallMs?: number
  readonly login?: string
  readonly install?: string
  readonly advice?: readonly Advice[]
  /** Why the model's API does not answer, as stderr has it. */
  readonly trouble?: ReadError
  readonly now: number
}

/** How much of stderr a message quotes. */
const stderrLimit = 500
/** Exit codes with which programs say that a signal ended them. */
const signalExits: Readonly<Record<number, string>> = { 129: 'SIGHUP', 130: 'SIGINT', 137: 'SIGKILL', 143: 'SIGTERM' }

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
  // What was through before it was ended is done: all that was left was to exit.
  const ended = facts.stopped !== undefined || ran.stalled || ran.timedOut
  const through = ended && reading.complete === true && reading.error === undefined
  if (facts.stopped !== undefined && !through) {
    const { outcome, message } = facts.stopped
    return outcome === 'stalled' ? { outcome, message: `${name} ${message}${snippet(ran)}` } : facts.stopped
  }
  if (ran.aborted && !through) return { outcome: 'killed', message: `${name} was stopped` }
  if (ran.flooded) {
    return {
      outcome: 'flood',
      message: `${name} printed more than a process may; its output file has the beginning of it`,
    }
  }
  if (!through && (ran.stalled || ran.timedOut)) return hung(facts)
  const clean = ran.exitCode === 0 || through
  if (!clean && ran.oom !== undefined) {
    return { outcome: 'oom', message: `${name} ran out of memory: ${endOf(ran.oom.evidence, stderrLimit)}` }
  }
  const said = isText(reading) ? `${ran.stderr}\n${ran.stdout}` : ran.stderr
  if (!clean && memoryMarker(said) !== undefined) {
    return { outcome: 'oom', message: `${name} ran out of memory: ${endOf(ran.stderr || ran.stdout, stderrLimit)}` }
  }
  if (reading.error !== undefined) return explain(facts, reading.error)
  if (!clean) return broken(facts)
  const denied = [...new Set(reading.denied ?? [])]
  if (denied.length > 0) {
    return {
      outcome: 'refused',
      message: `${name} was not allowed to use ${denied.join(', ')}; allow it in its settings, or let it act without asking, in a sandbox: --skip-permissions`,
    }
  }
  if (reading.complete === false) {
    const trouble = reading.trouble ?? facts.trouble
    if (trouble !== undefined) return explain(facts, trouble)
    return { outcome: 'failed', message: `${name} exited 0 before its answer was complete${snippet(ran)}` }
  }
  if (reading.text.trim() === '') {
    const err = endOf(ran.stderr, stderrLimit)
    return { outcome: 'failed', message: `${name}: empty output${err === '' ? '' : `; stderr: ${err}`}` }
  }
  return { outcome: 'done' }
}

/** It did not end by itself. What it was waiting for may be known: then that is the reason, and a login or a limit is told as such. */
function hung(facts: Facts): Ending {
  const { ran, reading, name } = facts
  const outcome = ran.stalled ? 'stalled' : 'timeout'
  const how = ran.stalled
    ? `neither printed nor worked for ${(facts.stallMs ?? 0) / 1000}s`
    : `timed out after ${(facts.timeoutMs ?? 0) / 1000}s`
  const trouble = reading.error ?? reading.trouble ?? facts.trouble
  if (trouble === undefined) return { outcome, message: `${name} ${how}${snippet(ran)}` }
  const { outcome: because, ...rest } = verdictOf(facts, trouble)
  const message = `${name} ${how}: ${endOf(trouble.message, stderrLimit)}`
  if (because === 'failed') return { outcome, message }
  return ending(facts, { outcome: because, ...rest }, message)
}

/** It exited with a failure, or a signal ended it. */
function broken(facts: Facts): Ending {
  const { ran, reading, name } = facts
  const signal = ran.signal ?? (ran.exitCode === null ? 'a signal' : signalExits[ran.exitCode])
  // Of a stream, what stands on stdout is work, not an error.
  const said = endOf(ran.stderr, stderrLimit) || (isText(reading) ? endOf(ran.stdout, stderrLimit) : '')
  const advice = adviceFor(facts, said)
  if (signal !== undefined && advice === undefined) {
    const memory = signal === 'SIGKILL' ? ', perhaps because memory ran out' : ''
    return { outcome: 'killed', message: `${name} was ended by ${signal}${memory}` }
  }
  const trouble = reading.trouble ?? facts.trouble
  if (trouble !== undefined) return explain(facts, trouble)
  const message = `${name}: exited ${ran.exitCode}${said === '' ? '' : `: ${said}`}`
  return ending(facts, classify(said, undefined, facts.now), message, advice)
}

function explain(facts: Facts, error: ReadError): Ending {
  const message = `${facts.name}: ${endOf(error.message, stderrLimit + 100)}`
  return ending(facts, verdictOf(facts, error), message, adviceFor(facts, `${error.message}\n${facts.ran.stderr}`))
}

function verdictOf(facts: Facts, { message, status, resetAt }: ReadError): Verdict {
  // Of a time that can be none (past, or years away) the words are the better witness.
  const known = resetAt !== undefined && isBelievable(resetAt, facts.now) ? { resetAt } : {}
  return { ...classify(message, status, facts.now), ...known }
}

function adviceFor({ ran, advice = [] }: Facts, said: string): Advice | undefined {
  return advice.find(
    (each) => (each.exit !== undefined && each.exit === ran.exitCode) || each.says?.test(said) === true,
  )
}

function ending(facts: Facts, verdict: Verdict, message: string, advice?: Advice): Ending {
  // What the words say is more than what the advice takes from an exit code.
  const outcome = verdict.outcome === 'failed' ? (advice?.outcome ?? 'failed') : verdict.outcome
  const what =
    verdict.billing === true
      ? 'the account has no money or quota left: see to it at the provider, or name another agent'
      : outcome === 'auth'
        ? facts.login
        : undefined
  const hints = [advice?.tell, what].filter((each) => each !== undefined)
  const hint = hints.length > 0 ? ` (${hints.join('; ')})` : ''
  const { resetAt } = verdict
  return {
    outcome,
    message: `${message}${hint}`,
    ...(outcome === 'rate_limited' && resetAt !== undefined ? { resetAt } : {}),
  }
}

/** Whether its output is its answer, and no stream of events. */
function isText(reading: Reading): boolean {
  return reading.complete === undefined
}

function snippet(ran: Facts['ran']): string {
  const out = endOf(ran.stdout, stderrLimit)
  const err = endOf(ran.stderr, stderrLimit)
  return `${out === '' ? '' : `; stdout: ${out}`}${err === '' ? '' : `; stderr: ${err}`}`
}
