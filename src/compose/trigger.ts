import { createHash } from 'node:crypto'
import type { App } from '../app.ts'
import { systemClock } from '../clock.ts'
import { isLoopwrightError, LoopwrightError, messageOf } from '../core/errors.ts'
import type { Json } from '../core/json.ts'
import { objectOf, textOf } from '../core/peek.ts'
import { oneLine } from '../core/plain.ts'
import { finalStatuses, type RunRecord } from '../core/ports.ts'
import { type Level, lowerLevel } from '../core/triage/level.ts'
import type { Forge } from '../core/triage/ports.ts'
import type { TickResult } from '../core/triage/tick.ts'
import type { TickSettings } from '../core/triage/ticks.ts'
import { mayTrigger, needsPermission, type Trigger, type TriggerRules, triggerOf } from '../core/triage/trigger.ts'
import { commandRunner } from '../process/command.ts'
import { createGit } from '../workspace/git.ts'
import { forgeOf } from './triage/forge.ts'
import { tickResultOf } from './triage/memory.ts'

export interface TriggerOptions {
  readonly app: App
  readonly env: Readonly<Record<string, string | undefined>>
  /** No tick goes further than this; as far as is configured by default. */
  readonly level?: Level | undefined
  /** The label that starts a tick; `loopwright` by default. */
  readonly label?: string | undefined
  /** Users that need no permission of the forge's. */
  readonly users?: readonly string[] | undefined
  readonly settings?: TickSettings
  readonly signal?: AbortSignal
}

/** What became of an event, for people and programs. */
export interface Triggered {
  readonly does: Trigger['does']
  /** One line. */
  readonly message: string
  readonly result?: TickResult
}

/** Takes events of GitHub for the project of an app, and sets going what they ask for. */
export class Triggers {
  readonly #options: TriggerOptions
  #forge: Promise<Forge | undefined> | undefined

  constructor(options: TriggerOptions) {
    this.#options = options
  }

  /** What an event asks for; nobody was asked yet whether its sender may. */
  async read(event: string, payload: Json): Promise<Trigger> {
    return triggerOf(event, payload, await this.#rules())
  }

  /**
   * Does what an event asks for, if its sender may. Resolves when that is done: a tick takes a while. The same event twice is one tick.
   * Rejects as ticks do, except that a tick which is under way already is an answer.
   */
  async handle(event: string, payload: Json): Promise<Triggered> {
    const rules = await this.#rules()
    const trigger = triggerOf(event, payload, rules)
    if (trigger.does === 'nothing') return { does: 'nothing', message: trigger.why }
    const why = await this.#refusal(rules, trigger.by)
    if (why !== undefined) return { does: 'nothing', message: why }
    if (trigger.does === 'stop') return { does: 'stop', message: await this.#stop(trigger) }
    const id = `event-${createHash('sha256')
      .update(`${event}\n${JSON.stringify(payload)}`)
      .digest('hex')
      .slice(0, 24)}`
    try {
      return trigger.does === 'start' ? await this.#start(trigger, id) : await this.#feedback(trigger, id, rules)
    } catch (error) {
      if (!isLoopwrightError(error, 'conflict')) throw error
      return { does: 'nothing', message: error.message }
    }
  }

  async #rules(): Promise<TriggerRules> {
    const { app, level, label = 'loopwright', users = [] } = this.#options
    const patterns = await app.triage.patterns()
    const repository = (await this.#forgeHere())?.repository
    return {
      patterns: patterns.map(({ id, weekOneMode }) => {
        const configured = app.config.triage.level ?? weekOneMode
        return { id, level: level === undefined ? configured : lowerLevel(level, configured) }
      }),
      label,
      users,
      self: [],
      ...(repository === undefined ? {} : { repository }),
    }
  }

  /** Why somebody may set nothing going; undefined when they may. Without a forge to ask, only those who are named may. */
  async #refusal(rules: TriggerRules, by: string): Promise<string | undefined> {
    if (!needsPermission(rules, by)) return undefined
    const forge = await this.#forgeHere()
    if (forge === undefined) return `${by} is not named by --allow, and no forge can be asked what they may do`
    try {
      const permission = await forge.permission(by)
      return mayTrigger(rules, by, permission) ? undefined : `${by} may not: they have ${permission} here, not write`
    } catch (error) {
      return `it is not known what ${by} may do: ${oneLine(messageOf(error), 200)}`
    }
  }

  #forgeHere(): Promise<Forge | undefined> {
    const { app, env } = this.#options
    const given = Object.fromEntries(Object.entries(env).filter((one): one is [string, string] => one[1] !== undefined))
    const options = {
      config: app.config,
      env: given,
      clock: systemClock,
      git: createGit({ env }),
      runCommand: commandRunner(given),
    }
    // What cannot be found now may be found with the next event.
    this.#forge ??= forgeOf(options, app.config.project).then(
      (found) => ('forge' in found ? found.forge : this.#unknownForge()),
      () => this.#unknownForge(),
    )
    return this.#forge
  }

  #unknownForge(): undefined {
    this.#forge = undefined
    return undefined
  }

  async #start(trigger: Trigger & { readonly does: 'start' }, id: string): Promise<Triggered> {
    const { pattern, level, item, text, by } = trigger
    const result = await this.#tick({ pattern, level, item, id, asked: text === undefined ? undefined : { text, by } })
    return { does: 'start', message: `${pattern} [${level}] for ${by}: ${result.outcome}`, result }
  }

  async #feedback(
    { run: source, item, text, by }: Trigger & { readonly does: 'feedback' },
    id: string,
    rules: TriggerRules,
  ): Promise<Triggered> {
    const before = await this.#ofProject(source)
    const known = rules.patterns.find((one) => one.id === before?.labels.pattern)
    // A run of another machine: its pull request says enough.
    const chosen = known ?? rules.patterns.find((one) => one.id === 'pr-babysitter')
    if (chosen === undefined) throw new LoopwrightError('conflict', `nobody here knows the run ${source}`)
    const about = known === undefined || before === undefined ? item : (tickResultOf(before)?.item?.id ?? item)
    const { id: pattern, level } = chosen
    const result = await this.#tick({ pattern, level, item: about, id, asked: { text, by } })
    return { does: 'feedback', message: `${pattern} [${level}] heard ${by}: ${result.outcome}`, result }
  }

  async #tick(request: {
    readonly pattern: string
    readonly level: Level
    readonly item: string | undefined
    readonly id: string
    readonly asked: { readonly text: string; readonly by: string } | undefined
  }): Promise<TickResult> {
    const { app, settings, signal } = this.#options
    const { pattern, level, item, id, asked } = request
    return await app.triage.tick({
      pattern: await app.triage.pattern(pattern),
      level,
      id,
      ...(item === undefined ? {} : { item }),
      ...(asked === undefined ? {} : { asked }),
      ...(settings === undefined ? {} : { settings }),
      ...(signal === undefined ? {} : { signal }),
    })
  }

  async #stop({ item, by }: Trigger & { readonly does: 'stop' }): Promise<string> {
    const { app } = this.#options
    const labels = { triage: app.config.project }
    const open = (await app.runs.list({ loop: 'triage', labels })).filter((run) => !finalStatuses.includes(run.status))
    const stopped = open.filter((run) => item === undefined || isAbout(run, item))
    for (const run of stopped) await app.runs.cancel(run.id, `${by} said stop`)
    const what = item === undefined ? 'every loop' : item
    return stopped.length === 0
      ? `${by} said stop to ${what}: nothing was under way`
      : `${by} said stop to ${what}: ${stopped.map(({ id }) => id).join(', ')}`
  }

  async #ofProject(id: string): Promise<RunRecord | undefined> {
    const { app } = this.#options
    const run = await app.store.getRun(id)
    return run?.labels.triage === app.config.project ? run : undefined
  }
}

/** Whether a tick is about a finding, or made the pull request that is it. */
function isAbout(run: RunRecord, item: string): boolean {
  const result = tickResultOf(run)
  const [, number] = /^pull:(\d+)$/.exec(item) ?? []
  if (number !== undefined && result?.url?.endsWith(`/pull/${number}`) === true) return true
  return textOf(objectOf(run.spec).item) === item || result?.item?.id === item
}
