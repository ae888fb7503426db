import { LoopwrightError } from '../../core/errors.ts'
import type { Agent, AgentCall, AgentDelta, AgentRequest, AgentResponse, Usage } from '../../core/ports.ts'
import type { PriceTable } from '../../core/prices.snapshot.ts'
import { type Supervised, type SuperviseOptions, supervise } from '../../process/supervise.ts'
import { pastAllowance } from '../allowance.ts'
import type { Invocation } from './invocation.ts'
import { withNeeds } from './needs.ts'
import { decide } from './outcome.ts'
import type { Preset } from './preset.ts'
import { readText } from './reader.ts'
import { Repeats } from './repeats.ts'
import { safeSession, usageOf } from './sessions.ts'
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
  /** Milliseconds without output and without work after which a call ends as `stalled`, unless its request says; never by default. */
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
  const run = options.supervise ?? supervise

  return {
    name,
    spawns: true,
    async run(asked, call) {
      const { sessionId: session, ...others } = asked
      const resumed = safeSession(session)
      const request: AgentRequest = resumed === undefined ? others : { ...others, sessionId: resumed }
      const model = request.model ?? options.model
      // One that a program could take for an option of its own.
      if (model?.startsWith('-') || model?.includes('\0')) {
        return { text: '', outcome: 'failed', message: `no name of a model: ${JSON.stringify(model.slice(0, 80))}` }
      }
      const stallMs = request.stallMs ?? options.stallMs
      const start = invoke(request, model)
      const env = environment(request, start)
      const watch = new Watch(request, call, options)
      const reader = (preset?.read ?? readText)(watch.emit, model)
      const ran = await run({
        argv: start.argv,
        cwd: request.cwd,
        env,
        signal: watch.signal,
        onStdout: (text) => reader.push(text),
        ...(start.input === undefined ? {} : { input: start.input }),
        ...(request.timeoutMs === undefined ? {} : { timeoutMs: request.timeoutMs }),
        ...(stallMs === undefined ? {} : { stallMs }),
        ...(request.outputPath === undefined ? {} : { outputPath: request.outputPath }),
        ...confinement(request, start, env),
      })
      const reading = reader.finish()
      const trouble = preset?.trouble?.(ran.stderr)
      const warning = preset?.warning?.(ran.stderr)
      if (warning !== undefined) watch.emit({ type: 'notice', text: warning })
      const ending = decide({
        name,
        ran,
        reading,
        now: (options.now ?? Date.now)(),
        ...(watch.stopped === undefined ? {} : { stopped: watch.stopped }),
        ...(request.timeoutMs === undefined ? {} : { timeoutMs: request.timeoutMs }),
        ...(stallMs === undefined ? {} : { stallMs }),
        ...(trouble === undefined ? {} : { trouble }),
        ...(preset === undefined ? {} : { login: preset.login, install: preset.install }),
        ...(preset?.advice === undefined ? {} : { advice: preset.advice }),
      })
      const sessionId = safeSession(reading.sessionId)
      return {
        text: reading.text,
        chars: reading.chars,
        ...ending,
        ...usageOf(reading, request.sessionId, request.sessionTotals),
        ...(sessionId === undefined ? {} : { sessionId }),
      } satisfies AgentResponse
    },
  }

  function invoke(request: AgentRequest, model: string | undefined): Invocation {
    if (preset === undefined) return fillTemplate(argv ?? [], request, model)
    const start = preset.invoke(request, model)
    return { ...start, argv: [options.executable ?? preset.executable, ...start.argv, ...(options.extraArgs ?? [])] }
  }

  function environment(request: AgentRequest, start: Invocation): Record<string, string> {
    const env: Record<string, string> = { ...options.env }
    for (const variable of preset?.unset ?? []) delete env[variable]
    return { ...env, ...preset?.env, ...start.env, ...request.env }
  }

  function confinement(
    request: AgentRequest,
    start: Invocation,
    env: Record<string, string>,
  ): Pick<SuperviseOptions, 'confinement'> {
    if (request.confinement === undefined) return {}
    if (preset === undefined) return { confinement: request.confinement }
    const [executable] = start.argv
    const holes = withNeeds(request.confinement, preset.needs, {
      env,
      cwd: request.cwd,
      ...(executable === undefined ? {} : { executable }),
    })
    // What we set ourselves comes through as well.
    const ours = Object.keys({ ...preset.env, ...start.env, ...request.env })
    return { confinement: { ...holes, env: [...new Set([...holes.env, ...ours])] } }
  }
}

/** Watches one call: passes on what it reads, and stops it when it goes past its allowance or does the same again and again. */
class Watch {
  readonly signal: AbortSignal
  stopped: { readonly outcome: 'failed' | 'stuck'; readonly message: string } | undefined
  readonly #stop = new AbortController()
  readonly #request: AgentRequest
  readonly #call: AgentCall
  readonly #options: CommandAgentOptions
  readonly #repeats = new Repeats()

  constructor(request: AgentRequest, call: AgentCall, options: CommandAgentOptions) {
    this.#request = request
    this.#call = call
    this.#options = options
    this.signal = AbortSignal.any([call.signal, this.#stop.signal])
  }

  readonly emit = (delta: AgentDelta): void => {
    this.#tell(delta)
    if (delta.type === 'usage') this.#check(delta.usage)
    const repeated = this.#repeats.see(delta)
    if (repeated === undefined) return
    if (repeated.stop) this.#end('stuck', `stopped: it ${repeated.text}`)
    else this.#tell({ type: 'notice', text: `it ${repeated.text}` })
  }

  #tell(delta: AgentDelta): void {
    try {
      this.#call.onDelta?.(delta)
    } catch {
      // An observer that fails is not the agent's fault.
    }
  }

  #check(usage: Usage): void {
    const past = pastAllowance(usage, this.#request.allowance, this.#options.prices)
    if (past !== undefined) this.#end('failed', past)
  }

  #end(outcome: 'failed' | 'stuck', message: string): void {
    if (this.stopped !== undefined || this.#call.signal.aborted) return
    this.stopped = { outcome, message }
    this.#stop.abort()
  }
}
