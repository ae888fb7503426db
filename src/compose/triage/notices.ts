import type { Notice } from '../../core/triage/ports.ts'
import { tickLines } from '../../core/triage/text.ts'
import type { TickResult } from '../../core/triage/tick.ts'

/** What people are told of a tick; undefined where it needs nobody. */
export function noticeOf(
  result: TickResult,
  facts: { readonly again: boolean; readonly waiting: number; readonly maxAttempts: number },
): Notice | undefined {
  const kind = kindOf(result, facts)
  if (kind === undefined) return undefined
  const { run, pattern, name, url, item } = result
  const more = facts.waiting > 0 ? [`${facts.waiting} more wait in the inbox.`] : []
  return {
    kind,
    title: `${name}: ${titles[kind]}${item === undefined ? '' : `: ${item.title}`}`.slice(0, 200),
    text: [...tickLines(result), ...more].join('\n'),
    pattern,
    run,
    ...(url === undefined ? {} : { url }),
    commands:
      kind === 'escalation' && result.outcome === 'escalated'
        ? [`loopwright diff ${run}`, `loopwright approve ${run}`, `loopwright deny ${run}`]
        : [`loopwright result ${run}`],
  }
}

const titles: Readonly<Record<Notice['kind'], string>> = {
  escalation: 'a human has to decide',
  halted: 'halted',
  failed: 'failed',
  proposed: 'a pull request',
  merged: 'merged',
  reported: 'report',
  test: 'test',
}

function kindOf(result: TickResult, facts: { again: boolean; maxAttempts: number }): Notice['kind'] | undefined {
  switch (result.outcome) {
    case 'escalated':
    case 'denied':
      return 'escalation'
    case 'rejected':
      return result.decided === undefined && (result.item?.attempt ?? 0) >= facts.maxAttempts ? 'escalation' : undefined
    case 'halted':
      return facts.again ? undefined : 'halted'
    case 'failed':
      return 'failed'
    case 'proposed':
    case 'merged':
      return result.outcome
    case 'reported':
      return result.items.some(({ rank }) => rank === 'high') ? 'reported' : undefined
    default:
      return undefined
  }
}
