import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs'
import { basename, resolve } from 'node:path'
import { acpAgent } from '../agents/acp/acp.ts'
import { acpProgram } from '../agents/acp/known.ts'
import { commandAgent } from '../agents/command/command.ts'
import { presets } from '../agents/command/presets/all.ts'
import { parseTemplate } from '../agents/command/template.ts'
import { agentName } from '../agents/names.ts'
import { createProbe } from '../agents/probe.ts'
import { type Agents, type CustomAgent, createAgents } from '../agents/registry.ts'
import { parseScript } from '../agents/scripted/script.ts'
import { scripted } from '../agents/scripted/scripted.ts'
import { createWhich } from '../agents/which.ts'
import { requireTrust } from '../config/trust.ts'
import type { Config } from '../config.ts'
import { LoopwrightError } from '../core/errors.ts'
import type { Agent } from '../core/ports.ts'
import type { RunSettings } from '../core/settings.ts'
import { parseYaml } from '../formats/yaml.ts'
import type { Supervise } from '../process/supervise.ts'

export interface AgentShopOptions {
  readonly config: Config
  /** The environment agents start from. */
  readonly env: Readonly<Record<string, string>>
  /** Where relative paths of scripts begin; absolute. */
  readonly cwd: string
  readonly custom: Readonly<Record<string, CustomAgent>>
  /** Runs their processes: supervised, confined where it is asked for, and redacted. */
  readonly supervise: Supervise
}

/** The agents of this process: by name, by a run's own command, or by a script. */
export class AgentShop {
  readonly known: Agents
  readonly #options: AgentShopOptions
  readonly #scripts = new Map<string, Agent>()

  constructor(options: AgentShopOptions) {
    const { config, env, supervise } = options
    this.#options = options
    const configured = Object.entries(config.agents).map(([name, template]): [string, CustomAgent] => {
      const { command, protocol, model, env: own = {} } = template
      const agent = this.#program({ name, command, protocol, model, own })
      return [name, config.projectAgents.includes(name) ? this.#onceTrusted(agent) : agent]
    })
    this.known = createAgents({
      env,
      which: createWhich(env.PATH ?? ''),
      probe: createProbe(env, config.project),
      custom: { ...Object.fromEntries(configured), ...options.custom },
      prices: config.prices,
      supervise,
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
    const known = names?.flatMap((name) => {
      const own = this.#nameOf(name)
      const command = Object.entries(this.#options.config.agents).find(([each]) => agentName(each) === own)?.[1].command
      return command === undefined ? [own?.replace(/^acp:/, '')] : this.namesIn(command)
    })
    return [
      ...new Set(
        presets
          .filter((preset) => known === undefined || known.includes(preset.name))
          .flatMap((preset) => preset.projectFiles),
      ),
    ]
  }

  /** The agents we know that a command of the user's own seems to start: they read the files of the project all the same. */
  namesIn(command: string | readonly string[] | undefined): string[] {
    const words = typeof command === 'string' ? command.split(/[\s'"]+/) : (command ?? [])
    const programs = words.map((word) => basename(word))
    return presets
      .filter((preset) => {
        const adapter = acpProgram(preset)?.executable
        return programs.includes(preset.executable) || (adapter !== undefined && programs.includes(adapter))
      })
      .map(({ name }) => name)
  }

  /** Whether one of these is a command of the project's own configuration, under whatever spelling of its name, or found by itself. */
  isOfProject(names: readonly (string | undefined)[]): boolean {
    const own = new Set(this.#options.config.projectAgents.map(agentName))
    return names.some((name) => own.has(this.#nameOf(name) ?? ''))
  }

  /** The one spelling of a name, of none the agent that would be found. */
  #nameOf(name: string | undefined): string | undefined {
    if (name?.startsWith('scripted:')) return undefined
    try {
      return this.known.choose(name).name
    } catch {
      // Nobody by that name, or nothing installed: whoever asks for the agent itself hears of it.
      return undefined
    }
  }

  /** The agent of a run, or of one role in it: a script (`scripted:FILE`), the run's own command, or one known by name. */
  get(settings: Pick<RunSettings, 'agent' | 'agentCommand' | 'agentProtocol' | 'model'>, named?: string): Agent {
    const name = named ?? settings.agent
    if (name?.startsWith('scripted:')) return this.#scripted(resolve(this.#options.cwd, name.slice('scripted:'.length)))
    if (named === undefined && settings.agentCommand !== undefined) {
      const { agentCommand: command, agentProtocol: protocol, model } = settings
      return this.#program({ name: protocol === 'acp' ? 'acp' : 'command', command, protocol, model })
    }
    return this.known.get(name)
  }

  /** An agent that is a command of the user's own. */
  #program(program: {
    readonly name: string
    readonly command: string | readonly string[]
    readonly protocol: 'text' | 'acp' | undefined
    readonly model: string | undefined
    /** Variables that are set for it, which a sandbox lets through. */
    readonly own?: Readonly<Record<string, string>>
  }): Agent {
    const { supervise, config } = this.#options
    const { name, command, own = {} } = program
    const shared = {
      name,
      env: { ...this.#options.env, ...own },
      supervise: letThrough(supervise, Object.keys(own)),
      prices: config.prices,
      ...(program.model === undefined ? {} : { model: program.model }),
    }
    return program.protocol === 'acp'
      ? acpAgent({ ...shared, argv: parseTemplate(command) })
      : commandAgent({ ...shared, template: command })
  }

  /** A command that the project names: whatever leads to it, it starts only while its owner trusts the file that says so. */
  #onceTrusted(agent: Agent): Agent {
    const { home, project, projectFile } = this.#options.config
    const files = projectFile === undefined ? [] : [projectFile]
    return {
      ...agent,
      run: async (request, call) => {
        await requireTrust({ home, project, files })
        return await agent.run(request, call)
      },
    }
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

/** The variables that somebody set for this very agent come through its confinement. */
function letThrough(supervise: Supervise, names: readonly string[]): Supervise {
  if (names.length === 0) return supervise
  return ({ confinement, ...call }) =>
    supervise(
      confinement === undefined
        ? call
        : { ...call, confinement: { ...confinement, env: [...confinement.env, ...names] } },
    )
}

/** Bytes of the longest script. */
const longestScript = 5_000_000

function readScript(path: string): string {
  const unreadable = (why: string, cause?: unknown) =>
    new LoopwrightError('bad_input', `${path}: the agent's script cannot be read${why}`, { cause })
  let file: number | undefined
  try {
    // Whoever names a script may name what never ends, or keeps us waiting for its first byte.
    file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
    const facts = fstatSync(file)
    if (!facts.isFile()) throw unreadable(': this is not a file')
    if (facts.size > longestScript) throw unreadable(': the file is too large, at most 5 MB')
    return readFileSync(file, 'utf8')
  } catch (error) {
    throw error instanceof LoopwrightError ? error : unreadable('', error)
  } finally {
    if (file !== undefined) closeSync(file)
  }
}
