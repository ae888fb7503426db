import { LoopwrightError } from './errors.ts'

/**
 * The id that a person's abbreviation stands for: a whole id, a beginning or an end of one, or `last`. `ids` is newest first.
 * Throws `not_found` and, where several fit, `bad_input` that lists them.
 */
export function matchRun(reference: string, ids: readonly string[]): string {
  const wanted = reference.trim()
  if (wanted.toLowerCase() === 'last') {
    const [newest] = ids
    if (newest !== undefined) return newest
    throw new LoopwrightError('not_found', 'there is no run yet', { hint: 'loopwright run --goal "…" starts one' })
  }
  if (ids.includes(wanted)) return wanted
  const fitting = wanted === '' ? [] : ids.filter((id) => id.startsWith(wanted) || id.endsWith(wanted))
  const [one, ...others] = fitting
  if (one === undefined) {
    throw new LoopwrightError('not_found', `no run ${JSON.stringify(reference.slice(0, 60))}`, {
      hint: 'loopwright runs lists them; `last` is the newest',
    })
  }
  if (others.length === 0) return one
  throw new LoopwrightError('bad_input', `${fitting.length} runs fit ${JSON.stringify(reference.slice(0, 60))}`, {
    hint: `which one: ${fitting.slice(0, 5).join(', ')}${fitting.length > 5 ? ' …' : ''}`,
  })
}
