import type { AgentCall, AgentRequest, AgentResponse, ApprovalPolicy } from '../../core/ports.ts'
import type { Supervised, SuperviseOptions } from '../../process/supervise.ts'
import { within } from '../../process/within.ts'
import { combined } from '../command/invocation.ts'
import { withNeeds } from '../command/needs.ts'
import { type Fields, fields, list, text } from '../command/reader.ts'
import { usageOf } from '../command/sessions.ts'
import { told } from '../command/told.ts'
import type { AcpAgentOptions } from './acp.ts'
import { endingOf } from './ending.ts'
import { answerOf, optionFor, questionOf, shownQuestion } from './question.ts'
import { promptUsage } from './quirks.ts'
import { type OpenSession, type Talked, talk } from './talk.ts'
import { Updates } from './updates.ts'
import { Watch } from './watch.ts'
import { Wire } from './wire.ts'

/** An agent that was told no this often is not going to find another way. */
const mostDenied = 100

type Options = AcpAgentOptions & Required<Pick<AcpAgentOptions, 'supervise'>>

/** One call of an agent: its process, the conversation with it, and what came of both. */
export class Turn {
  readonly #options: Options
  readonly #request: AgentRequest
  readonly #call: AgentCall
  readonly #watch: Watch
  readonly #updates: Updates
  readonly #wire: Wire
  /** Ends the processes. */
  readonly #kill = new AbortController()
  readonly #denied: string[] = []
  #session: OpenSession | undefined
  /** It has a prompt to work on. Before, it has the time of `setupMs`; afterwards it waits for us. */
  #working = false

  constructor(options: Options, request: AgentRequest, call: AgentCall) {
    this.#options = options
    this.#request = request
    this.#call = call
    this.#watch = new Watch(request, call, options.prices)
    this.#updates = new Updates(this.#watch.emit)
    this.#wire = new Wire({
      onUpdate: (params) => this.#update(params),
      onBroken: (why) => this.#watch.stop({ outcome: 'failed', message: `${options.name} ${why}` }),
    })
  }

  async run(): Promise<AgentResponse> {
    const { cancelMs = 2000, lingerMs = 500 } = this.#options
    // Here, so that only who uses it waits for it.
    const { client } = await import('@agentclientprotocol/sdk')
    const connection = client({ name: 'loopwright' })
      .onRequest('session/request_permission', fields, ({ params }) => this.#permit(params))
      .connect(this.#wire)
    const running = this.#start()
    // It is awaited below; until then nobody else shall hear of it.
    running.catch(() => undefined)

    const cancel = async () => {
      if (this.#session !== undefined) {
        connection.agent.notify('session/cancel', { sessionId: this.#session.id }).catch(() => undefined)
        await within(talking, cancelMs)
      }
      this.#kill.abort()
    }
    const talking = this.#talk(connection.agent)
    this.#watch.signal.addEventListener('abort', cancel, { once: true })
    if (this.#watch.signal.aborted) this.#kill.abort()
    try {
      const talked = await talking
      // What it answers to being stopped is not what it was asked for.
      const late = this.#watch.signal.aborted
      await this.#wire.hangUp()
      if (!late) await within(running, lingerMs)
      this.#kill.abort()
      return this.#response(talked, await running, late)
    } finally {
      this.#watch.signal.removeEventListener('abort', cancel)
      this.#kill.abort()
      connection.close()
    }
  }

  #start(): Promise<Supervised> {
    const { argv, preset } = this.#options
    const { cwd, timeoutMs, outputPath } = this.#request
    const stallMs = this.#stallMs()
    const ours = { ...preset?.env, ...this.#request.env }
    const given: Record<string, string> = { ...this.#options.env }
    for (const variable of preset?.unset ?? []) delete given[variable]
    const env = { ...given, ...ours }
    const start: SuperviseOptions = {
      argv,
      cwd,
      env,
      interactive: true,
      signal: this.#kill.signal,
      onStart: ({ stdin }) => stdin !== undefined && this.#wire.attach(stdin),
      onStdout: (said) => this.#wire.push(said),
      ...(timeoutMs === undefined ? {} : { timeoutMs }),
      ...(stallMs === undefined ? {} : { stallMs, waiting: () => !this.#working }),
      ...(outputPath === undefined ? {} : { outputPath }),
      ...this.#confinement(env, Object.keys(ours)),
    }
    return this.#options.supervise(start).finally(() => this.#wire.close())
  }

  #stallMs(): number | undefined {
    return this.#request.stallMs ?? this.#options.stallMs
  }

  #confinement(env: Readonly<Record<string, string>>, ours: readonly string[]): Pick<SuperviseOptions, 'confinement'> {
    const { confinement, cwd } = this.#request
    const { preset, argv } = this.#options
    if (confinement === undefined) return {}
    const [executable = ''] = argv
    const holes = preset === undefined ? confinement : withNeeds(confinement, preset.needs, { env, executable, cwd })
    // What we set ourselves comes through as well.
    return { confinement: { ...holes, env: [...new Set([...holes.env, ...ours])] } }
  }

  async #talk(context: Parameters<typeof talk>[0]['context']): Promise<Talked> {
    const { setupMs = 60_000, name } = this.#options
    const talked = await talk({
      context,
      cwd: this.#request.cwd,
      prompt: combined(this.#request),
      model: this.#request.model ?? this.#options.model,
      resume: this.#request.sessionId,
      setupMs,
      onNotice: (said) => this.#watch.emit({ type: 'notice', text: `${name}: ${said}` }),
      onPrompt: (session) => {
        this.#session = session
        this.#working = true
        this.#updates.begin(session.resumed ? this.#request.sessionTotals?.costUsd : 0, session.agent)
      },
    })
    this.#working = false
    if (talked.end === 'silent') {
      const message = `${name} did not answer ${talked.method} within ${setupMs / 1000}s${this.#wire.spoke ? '' : ': does it speak the Agent Client Protocol?'}`
      this.#watch.stop({ outcome: 'stalled', message })
    }
    return talked
  }

  #update(params: Fields): void {
    const session = text(params.sessionId)
    // Of other sessions (its own helpers') only we would hear.
    if (this.#session !== undefined && session !== undefined && session !== this.#session.id) return
    this.#updates.take(fields(params.update))
    // The least it can have been: every token of the context was sent to the model at least once.
    if (this.#updates.contextTokens > 0) this.#watch.used({ inputTokens: this.#updates.contextTokens })
  }

  #permit(params: Fields): { outcome: { outcome: 'cancelled' } | { outcome: 'selected'; optionId: string } } {
    const cancelled = { outcome: { outcome: 'cancelled' } } as const
    if (this.#watch.signal.aborted) return cancelled
    const asked = this.#updates.asked(fields(params.toolCall))
    const question = questionOf(asked)
    const answer = answerOf(question, this.#policy(), this.#request.cwd)
    const optionId = optionFor(answer.decision, list(params.options))
    const decision = optionId === undefined ? 'deny' : answer.decision
    const title = shownQuestion(question)
    this.#watch.emit({ type: 'permission', title, decision })
    if (decision === 'deny') {
      const because = answer.decision === 'deny' ? answer.because : 'it gave no way to allow it'
      this.#watch.emit({ type: 'notice', text: `not allowed: ${title}: ${because}` })
      this.#denied.push(title)
      if (this.#denied.length >= mostDenied) {
        this.#watch.stop({
          outcome: 'stuck',
          message: `stopped: it asked ${mostDenied} times for what it may not do`,
        })
      }
    }
    this.#watch.asked(JSON.stringify([question.title, question.paths, told(asked.rawInput)]), decision)
    return optionId === undefined ? cancelled : { outcome: { outcome: 'selected', optionId } }
  }

  #policy(): ApprovalPolicy {
    const { approvals = { mode: 'edits', rules: [] }, skipPermissions } = this.#request
    // What somebody forbade by name stays forbidden.
    return skipPermissions ? { mode: 'all', rules: approvals.rules } : approvals
  }

  #response(talked: Talked, ran: Supervised, late: boolean): AgentResponse {
    const { name, argv, now = Date.now, preset, install } = this.#options
    const { answer } = this.#updates
    const session = this.#session
    const ending = endingOf({
      name,
      argv,
      talked,
      ran,
      late,
      killed: this.#call.signal.aborted,
      spoke: this.#wire.spoke,
      text: answer.text,
      failure: this.#updates.failure,
      denied: this.#denied,
      stopped: this.#watch.stopped,
      timeoutMs: this.#request.timeoutMs,
      stallMs: this.#stallMs(),
      preset,
      install,
      now: now(),
    })
    return {
      text: answer.text,
      chars: answer.chars,
      ...ending,
      ...this.#used(talked),
      ...(session === undefined ? {} : { sessionId: session.id }),
    }
  }

  #used(talked: Talked): Pick<AgentResponse, 'usage' | 'sessionTotals'> {
    const { contextTokens, costUsd, costBefore, failure } = this.#updates
    const counted = talked.end === 'answered' ? promptUsage(talked.answer) : undefined
    const usage = counted ?? (contextTokens > 0 && failure === undefined ? { inputTokens: contextTokens } : undefined)
    const model = usage?.model ?? this.#session?.model
    return usageOf(
      {
        ...(usage === undefined ? {} : { usage: { ...usage, ...(model === undefined ? {} : { model }) } }),
        // 0 is what is said of a model whose price is not known.
        ...(costUsd === undefined || costUsd === 0 ? {} : { sessionTotals: { costUsd } }),
      },
      this.#session?.resumed ? this.#session.id : undefined,
      costBefore === undefined ? undefined : { costUsd: costBefore },
    )
  }
}
