import { isLoopwrightError, LoopwrightError } from '../../core/errors.ts'
import type { LoopContext } from '../../engine/context.ts'

/**
 * The cooperative cap on wall-clock time, looked at between phases and iterations: no worker is interrupted by it. Past the cap a
 * step is refused as any cap refuses one, so that the run comes to its stop and can go on after a resume, with the time anew.
 */
export async function keepTime(
  loop: LoopContext,
  spec: { readonly budget: { readonly seconds?: number | undefined } },
): Promise<void> {
  const { seconds } = spec.budget
  if (seconds === undefined || loop.stopping) return
  if ((await loop.elapsed()) < seconds * 1000) return
  try {
    await loop.step('time limit', () => {
      throw new LoopwrightError('budget_exceeded', `max_seconds (${seconds}s) reached`)
    })
  } catch (error) {
    if (!isLoopwrightError(error, 'budget_exceeded')) throw error
  }
}
