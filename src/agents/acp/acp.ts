import { LoopwrightError } from '../../core/errors.ts'
import type { Agent } from '../../core/ports.ts'
import type { PriceTable } from '../../core/prices.snapshot.ts'
import { type Supervised, type SuperviseOptions, supervise } from '../../process/supervise.ts'
import type { Preset } from '../command/preset.ts'
import { Turn } from './turn.ts'

export interface AcpAgentOptions {
  readonly name: string
  /** The command and its arguments, started without a shell. */
  readonly argv: readonly string[]
  /** The environment it starts from (PATH, HOME …): nothing is inherited. */
  readonly env: Readonly<Record<string, string>>
  /** The CLI it is, when we know it: for its variables, its login and what it needs when it is confined. */
  readonly preset?: Pick<Preset, 'env' | 'unset' | 'login' | 'needs' | 'advice' | 'trouble'>
  /** What to type to install it. */
  readonly install?: string
  /** The model, unless a request names one. */
  readonly model?: string
  /** Milliseconds without output and without work after which a call ends as `stalled`, unless its request says; never by default. */
  readonly stallMs?: number
  /** For the allowance, when it does not say what it costs. */
  readonly prices?: PriceTable
  readonly supervise?: (options: SuperviseOptions) => Promise<Supervised>
  /** Milliseconds since 1970. */
  readonly now?: () => number
  /** Milliseconds it may take to answer each request before the prompt; 60,000 by default. */
  readonly setupMs?: number
  /** Milliseconds it may go on once its turn is over, for what it still says (what it cost …); 500 by default. */
  readonly lingerMs?: number
  /** Milliseconds it may take to end its turn when it is told to, before its processes are ended; 2,000 by default. */
  readonly cancelMs?: number
}

/**
 * An agent that speaks the Agent Client Protocol on stdin and stdout. It works on the request's directory itself (we offer it neither files
 * nor terminals) and asks us for permission, which the request's `approvals` answer; what it does without asking only a confinement can keep it
 * from. Every call is a process of its own, ended with all it started. Throws `bad_input` without a command.
 */
export function acpAgent(options: AcpAgentOptions): Agent {
  const [executable = ''] = options.argv
  if (executable.trim() === '') {
    throw new LoopwrightError('bad_input', `the agent ${options.name} has no command`, {
      hint: 'give the command that speaks the Agent Client Protocol, as in `gemini --acp`',
    })
  }
  return {
    name: options.name,
    spawns: true,
    run: (request, call) => new Turn({ supervise, ...options }, request, call).run(),
  }
}
