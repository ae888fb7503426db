import type { App } from '../../app.ts'
import { LoopwrightError } from '../../core/errors.ts'
import { type Level, lowerLevel } from '../../core/triage/level.ts'
import type { Pattern } from '../../core/triage/pattern.ts'

/**
 * How far a tick may go that a client begins. L3 merges and asks nobody: that takes the word of whoever configured loopwright, never of
 * the agent that calls, nor of a registry. Throws `bad_input` where the client wants more.
 */
export function grantedLevel(app: App, pattern: Pattern, wanted?: Level): Level {
  const usual = app.triage.levelOf(pattern)
  const most = app.config.triage.level === 'L3' ? 'L3' : 'L2'
  if (wanted !== undefined && lowerLevel(wanted, most) !== wanted) {
    throw new LoopwrightError('bad_input', `a client may not take ${pattern.id} to ${wanted}: nobody configured that`, {
      hint: `take ${most}, or let your user set triage.level to ${wanted}`,
    })
  }
  return wanted ?? lowerLevel(usual, most)
}
