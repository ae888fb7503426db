import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { commandAgent, type Supervise } from '../agents/command/command.ts'
import { presets } from '../agents/command/presets/all.ts'
import { createProbe } from '../agents/probe.ts'
import { type Agents, type CustomAgent, createAgents } from '../agents/registry.ts'
import { parseScript } from '../agents/scripted/script.ts'
import { scripted } from '../agents/scripted/scripted.ts'
import { createWhich } from '../agents/which.ts'
import type { Config } from '../config.ts'
import { LoopwrightError } from '../core/errors.ts'
import type { Agent, Redact, SandboxMode } from '../core/ports.ts'
import type { RunSettings } from '../core/settings.ts'
import { parseYaml } from '../formats/yaml.ts'
import type { SandboxState } from '../process/sandbox/sandbox.ts'
import { supervise } from '../process/supervise.ts'

export interface AgentShopOptions {
  readonly config: Config
  /** The environment agents start from. */
  readonly env: Readonly<Record<string, string>>
  /** Where relative paths of scripts begin; absolute. */
  readonly cwd: string
  readonly custom: Readonly<Record<string, CustomAgent>>
  readonly redact: Redact
}

/** The agents of this process: by name, by a run's own command, or by a script. */
export class AgentShop {
  readonly known: Agents
  readonly #options: AgentShopOptions
  readonly #supervise: Supervise
  readonly #scripts = new Map<string, Agent>()

  readonly sandboxOf = async (mode: SandboxMode): Promise<SandboxState> => ({
    mode,
    problem: 'confinement is not there yet',
  })

  constructor(options: AgentShopOptions) {
    const { config, env, redact } = options
    this.#options = options
    this.#supervise = (call) => supervise({ ...call, redact })
    const configured = Object.entries(config.agents).map(([name, template]): [string, CustomAgent] => [
      name,
      commandAgent({
        name,
        template: template.command,
        env: { ...env, ...template.env },
        supervise: this.#supervise,
        prices: config.prices,
        ...(template.model === undefined ? {} : { model: template.model }),
      }),
    ])
    this.known = createAgents({
      env,
      which: createWhich(env.PATH ?? ''),
      probe: createProbe(env, config.project),
      custom: { ...Object.fromEntries(configured), ...options.custom },
      prices: config.prices,
      supervise: this.#supervise,
      ...(config.agent === undefined ? {} : { configured: config.agent }),
      ...(config.caller === undefined ? {} : { callerAgent: config.caller.agent }),
      ...(config.model === undefined ? {} : { model: config.model }),
    })
  }

  /**
   * The files by which a project tells these agents what to run (all known agents without names; undefined is the one that would be
   * found); relative, as in a preset.
   */
  projectFiles(names?: readonly (string | undefined)[]): string[] {
    const known = names?.map((name) => this.#presetName(name))
    return [
      ...new Set(
        presets
          .filter((preset) => known === undefined || known.includes(preset.name))
          .flatMap((preset) => preset.projectFiles),
      ),
    ]
  }

  #presetName(name: string | undefined): string | undefined {
    if (name?.startsWith('scripted:')) return undefined
    try {
      return this.known.choose(name).name.replace(/^acp:/, '')
    } catch {
      // Nobody by that name, or nothing installed: whoever asks for the agent itself hears of it.
      return undefined
    }
  }

  /** The agent of a run, or of one role in it: a script (`scripted:FILE`), the run's own command, or one known by name. */
  get(settings: Pick<RunSettings, 'agent' | 'agentCommand' | 'model'>, named?: string): Agent {
    const name = named ?? settings.agent
    if (name?.startsWith('scripted:')) return this.#scripted(resolve(this.#options.cwd, name.slice('scripted:'.length)))
    if (named === undefined && settings.agentCommand !== undefined) {
      const { env } = this.#options
      const model = settings.model === undefined ? {} : { model: settings.model }
      const template = settings.agentCommand
      return commandAgent({ name: 'command', template, env, supervise: this.#supervise, ...model })
    }
    return this.known.get(name)
  }

  #scripted(path: string): Agent {
    const made = this.#scripts.get(path)
    if (made) return made
    const parsed = parseYaml(readScript(path), path)
    const agent = scripted({ script: parseScript(parsed.value, { name: path, where: (at) => parsed.where(at) }) })
    this.#scripts.set(path, agent)
    return agent
  }
}

function readScript(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw new LoopwrightError('bad_input', `${path}: the agent's script cannot be read`, { cause: error })
  }
}
