import type { CommandResult, CommandSpec } from '../core/ports.ts'
import type { LoopContext } from './context.ts'
import type { HookName } from './services.ts'

export interface HookResult {
  readonly blocked: boolean
  /** What a blocking hook printed. */
  readonly feedback: string
}

/** Exit code with which a hook says no. */
const blocks = 2

/** Runs hooks in order; exit 2 blocks and ends them, any other failure is reported and passed over. */
export async function runHooks(
  loop: LoopContext,
  name: HookName,
  commands: readonly CommandSpec[],
  run: (command: CommandSpec, signal: AbortSignal) => Promise<CommandResult>,
): Promise<HookResult> {
  for (const command of commands) {
    const result = await loop.step(`hook ${name}`, ({ signal }) => run(command, signal), {
      effect: 'hook',
      input: command,
      detail: { hook: name },
    })
    if (result.exitCode === blocks) return { blocked: true, feedback: result.stderr.trim() || result.stdout.trim() }
    if (result.exitCode !== 0) loop.emit('hook_failed', { hook: name, error: result.error ?? result.stderr.trim() })
  }
  return { blocked: false, feedback: '' }
}
