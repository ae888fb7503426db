import { LoopwrightError } from '../../core/errors.ts'
import type { Agent, AgentCall, AgentDelta, AgentRequest, AgentResponse, Usage } from '../../core/ports.ts'
import type { PriceTable } from '../../core/prices.snapshot.ts'
import { type Supervised, type SuperviseOptions, supervise } from '../../process/supervise.ts'
import { pastAllowance } from '../allowance.ts'
import { decide } from './outcome.ts'
import type { Preset } from './preset.ts'
import { readText } from './reader.ts'
import { Sessions } from './sessions.ts'
import { fillTemplate, parseTemplate } from './template.ts'

/** Runs a process; `supervise` unless a test says otherwise. */
export type Supervise = (options: SuperviseOptions) => Promise<Supervised>

export interface CommandAgentOptions {
  readonly name?: string
  /** A CLI we know; give this or `template`. */
  readonly preset?: Preset
  /**
   * Any other command, as argv or as one line split by the shell's quoting rules (no shell runs it). `{prompt}`, `{system}`,
   * `{combined}` and `{model}` are filled in; without a place for the prompt the combined text goes to stdin.
   */
  readonly template?: string | readonly string[]
  /** The path or name to start instead of the preset's executable. */
  readonly executable?: string
  /** The model, unless a request names one. */
  readonly model?: string
  /** The environment the command starts from (PATH, HOME …): nothing is inherited. */
  readonly env: Readonly<Record<string, string>>
  /** Appended to the preset's arguments. */
  readonly extraArgs?: readonly string[]
  /** Ends a call as `stalled` when nothing was printed for so long; never by default. */
  readonly stallMs?: number
  /** For the allowance, when the command does not report what it costs. */
  readonly prices?: PriceTable
  readonly supervise?: Supervise
  /** Milliseconds since 1970. */
  readonly now?: () => number
}

/**
 * An agent that is a command. It runs in the request's directory with stdin closed (or holding the prompt), prints its full
 * output to the request's `outputPath`, and is ended with everything it started on abort and timeout. Throws `bad_input` for a
 * template that cannot be read.
 *
 * On Windows a CLI installed by npm is a `.cmd` file, which cannot be started without a shell: give its script with `node`.
 */
export function commandAgent(options: CommandAgentOptions): Agent {
  const { preset, template } = options
  if ((preset === undefined) === (template === undefined)) {
    throw new LoopwrightError('bad_input', 'a command agent needs a preset or a template, and not both')
  }
  const name = options.name ?? preset?.name ?? 'command'
  const argv = template === undefined ? undefined : parseTemplate(template)
  const sessions = new Sessions()
  const run = options.supervise ?? supervise

  return {
    name,
    async run(request, call) {
      const model = request.model ?? options.model
      const start = invoke(request, model)
      const watch = new Watch(request, call, options)
      const reader = (preset?.read ?? readText)(watch.emit, model)
      const push = (text: string) => {
        watch.touch()
        reader.push(text)
      }
      const ran = await run({
        argv: start.argv,
        cwd: request.cwd,
        env: environment(request),
        signal: watch.signal,
        onStdout: push,
        onStderr: () => watch.touch(),
        ...(start.input === undefined ? {} : { input: start.input }),
        ...(request.timeoutMs === undefined ? {} : { timeoutMs: request.timeoutMs }),
        ...(request.outputPath === undefined ? {} : { outputPath: request.outputPath }),
      }).finally(() => watch.dispose())
      const reading = reader.finish()
      const usage = sessions.usageOf(reading, request.sessionId)
      const ending = decide({
        name,
        ran,
        reading,
        now: (options.now ?? Date.now)(),
        ...(watch.stopped === undefined ? {} : { stopped: watch.stopped }),
        ...(request.timeoutMs === undefined ? {} : { timeoutMs: request.timeoutMs }),
        ...(preset === undefined ? {} : { login: preset.login, install: preset.install }),
      })
      return {
        text: reading.text,
        chars: reading.chars,
        ...ending,
        ...(usage === undefined ? {} : { usage }),
        ...(reading.sessionId === undefined ? {} : { sessionId: reading.sessionId }),
      } satisfies AgentResponse
    },
  }

  function invoke(request: AgentRequest, model: string | undefined) {
    if (preset === undefined) return fillTemplate(argv ?? [], request, model)
    const start = preset.invoke(request, model)
    return { ...start, argv: [options.executable ?? preset.executable, ...start.argv, ...(options.extraArgs ?? [])] }
  }

  function environment(request: AgentRequest): Record<string, string> {
    const env: Record<string, string> = { ...options.env }
    for (const variable of preset?.unset ?? []) delete env[variable]
    return { ...env, ...preset?.env, ...request.env }
  }
}

/** Watches one call: passes on what it reads, and stops it when it goes past its allowance or falls silent. */
class Watch {
  readonly signal: AbortSignal
  stopped: { readonly outcome: 'failed' | 'stalled'; readonly message: string } | undefined
  readonly #stop = new AbortController()
  readonly #request: AgentRequest
  readonly #call: AgentCall
  readonly #options: CommandAgentOptions
  #timer: NodeJS.Timeout | undefined

  constructor(request: AgentRequest, call: AgentCall, options: CommandAgentOptions) {
    this.#request = request
    this.#call = call
    this.#options = options
    this.signal = AbortSignal.any([call.signal, this.#stop.signal])
    if (options.stallMs !== undefined) {
      this.#timer = setTimeout(
        () => this.#end('stalled', `printed nothing for ${(options.stallMs ?? 0) / 1000}s`),
        options.stallMs,
      )
    }
  }

  /** Something was printed. */
  touch(): void {
    this.#timer?.refresh()
  }

  readonly emit = (delta: AgentDelta): void => {
    if (delta.type === 'usage') this.#check(delta.usage)
    try {
      this.#call.onDelta?.(delta)
    } catch {
      // An observer that fails is not the agent's fault.
    }
  }

  dispose(): void {
    clearTimeout(this.#timer)
  }

  #check(usage: Usage): void {
    const past = pastAllowance(usage, this.#request.allowance, this.#options.prices)
    if (past !== undefined) this.#end('failed', past)
  }

  #end(outcome: 'failed' | 'stalled', message: string): void {
    if (this.stopped !== undefined || this.#call.signal.aborted) return
    this.stopped = { outcome, message }
    this.#stop.abort()
  }
}
