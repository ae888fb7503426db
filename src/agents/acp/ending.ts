import type { Supervised } from '../../process/supervise.ts'
import { endOf } from '../bounded.ts'
import { decide, type Ending } from '../command/outcome.ts'
import { defined, type ReadError, text } from '../command/reader.ts'
import { oneLine } from '../command/told.ts'
import type { AcpAgentOptions } from './acp.ts'
import { troubleIn } from './quirks.ts'
import type { Talked } from './talk.ts'
import type { Stopped } from './watch.ts'

/** All that the outcome is decided from. */
export interface TurnFacts {
  readonly name: string
  readonly argv: readonly string[]
  readonly talked: Talked
  readonly ran: Supervised
  /** It answered only when it was stopped already. */
  readonly late: boolean
  /** The caller stopped it. */
  readonly killed: boolean
  /** It sent at least one message. */
  readonly spoke: boolean
  /** The answer. */
  readonly text: string
  /** Why its model did not answer, by its own words. */
  readonly failure: string | undefined
  /** What it asked for and was not allowed. */
  readonly denied: readonly string[]
  readonly stopped: Stopped | undefined
  readonly timeoutMs: number | undefined
  readonly stallMs: number | undefined
  readonly preset: AcpAgentOptions['preset']
  readonly install: string | undefined
  readonly now: number
}

const early: Readonly<Record<string, string>> = {
  max_tokens: 'its answer grew longer than its model may answer (max_tokens): ask for less at once',
  max_turn_requests: 'it asked its model as often as it may in one turn (max_turn_requests): ask for less at once',
}

/** What a call came to. A turn that was ended by the agent counts, whatever its process did when it was told to go. */
export function endingOf(facts: TurnFacts): Ending {
  const { name, talked, late } = facts
  if (talked.end === 'error' && !late) return of(facts, ended(facts.ran), { error: talked.error })
  if (talked.end !== 'answered' || late) return unanswered(facts)
  const reason = talked.answer.stopReason
  // Some end their turn well when they were told no, some call it cancelled.
  if (facts.denied.length > 0 && (reason === 'end_turn' || reason === 'cancelled')) {
    return { outcome: 'refused', message: refusal(facts) }
  }
  switch (reason) {
    case 'end_turn':
      if (facts.failure !== undefined) return of(facts, ended(facts.ran), { error: { message: facts.failure } })
      return of(facts, ended(facts.ran), { complete: true })
    case 'cancelled':
      return { outcome: 'killed', message: `${name}: its turn was cancelled` }
    case 'refusal':
      return { outcome: 'refused', message: `${name} refused to go on${said(facts.text)}` }
    default: {
      const why = early[String(reason)] ?? `it ended its turn with ${oneLine(JSON.stringify(reason) ?? 'no reason')}`
      return { outcome: 'failed', message: `${name}: ${why}` }
    }
  }
}

/** The process ended, or was stopped, before the turn did. */
function unanswered(facts: TurnFacts): Ending {
  const { ran, stopped, killed } = facts
  if (stopped !== undefined) {
    const printed = stopped.outcome === 'stalled' ? endOf(ran.stderr, 500) : ''
    return { outcome: stopped.outcome, message: `${stopped.message}${printed === '' ? '' : `; stderr: ${printed}`}` }
  }
  if (killed) return of(facts, { ...ran, aborted: true }, {})
  const itself = !ran.aborted && !ran.timedOut && ran.signal === null
  if (itself && facts.talked.end === 'gone' && facts.talked.method === 'initialize' && ran.spawnError === undefined) {
    return of(facts, ran, { error: { message: stranger(facts) } })
  }
  return of(facts, ran, {})
}

function of(
  facts: TurnFacts,
  ran: Supervised,
  read: { readonly complete?: boolean; readonly error?: ReadError },
): Ending {
  const { name, now, preset } = facts
  return decide({
    name,
    // What it printed are messages, which say nothing to people.
    ran: facts.spoke ? { ...ran, stdout: '' } : ran,
    now,
    reading: { text: facts.text, chars: facts.text.length, complete: false, ...read },
    ...defined({
      timeoutMs: facts.timeoutMs,
      stallMs: facts.stallMs,
      install: facts.install,
      login: preset?.login,
      advice: preset?.advice,
      trouble: preset?.trouble?.(ran.stderr) ?? troubleIn(ran.stderr),
    }),
  })
}

/** The process as one that has done its work: that we ended it after its turn says nothing. */
function ended(ran: Supervised): Supervised {
  const { oom: _, ...rest } = ran
  return { ...rest, exitCode: 0, signal: null, aborted: false, timedOut: false, stalled: false, flooded: false }
}

function stranger({ argv, ran, spoke }: TurnFacts): string {
  const printed = endOf(ran.stderr, 500) || endOf(ran.stdout, 500)
  const what = spoke ? 'ended before it answered initialize' : 'does not speak the Agent Client Protocol'
  return `${argv.join(' ').slice(0, 200)} ${what}: it exited ${ran.exitCode}${printed === '' ? ' and printed nothing' : `: ${printed}`}`
}

function refusal({ name, denied }: TurnFacts): string {
  const shown = [...new Set(denied)].slice(0, 5).join('; ')
  return `${name} was not allowed: ${shown}; allow it with a rule of approvals, or let it act without asking, in a sandbox: --skip-permissions`
}

function said(answer: string): string {
  const last = text(endOf(answer, 300))
  return last === undefined ? '' : `: ${last}`
}
