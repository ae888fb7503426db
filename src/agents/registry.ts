import { LoopwrightError } from '../core/errors.ts'
import { nearest } from '../core/nearest.ts'
import type { Agent } from '../core/ports.ts'
import type { PriceTable } from '../core/prices.snapshot.ts'
import { type AcpProgram, acpProgram, knownAcpAgent } from './acp/known.ts'
import { commandAgent, type Supervise } from './command/command.ts'
import type { Login, LoginPlace, Preset } from './command/preset.ts'
import { presets } from './command/presets/all.ts'
import { acpPrefix, agentName, callerFromEnv } from './names.ts'
import { type Probe, readLoginFile } from './probe.ts'
import { type ScriptedOptions, scripted } from './scripted/scripted.ts'
import type { Which } from './which.ts'

/** An agent of the user's own: one made in code, or a command by its template. */
export type CustomAgent = Agent | { readonly command: string | readonly string[]; readonly model?: string }

export interface AgentsOptions {
  /** The environment commands start from; nothing else is inherited. */
  readonly env: Readonly<Record<string, string>>
  readonly which: Which
  /** Asks for versions in `list`. */
  readonly probe: Probe
  /** By name; they come before the known ones. */
  readonly custom?: Readonly<Record<string, CustomAgent>>
  /** The agent the configuration names. */
  readonly configured?: string
  /** The agent that calls us, when it said so itself. */
  readonly callerAgent?: string
  /** The environment we were started in, to see whether an agent started us. */
  readonly hints?: Readonly<Record<string, string | undefined>>
  readonly model?: string
  readonly prices?: PriceTable
  readonly stallMs?: number
  readonly scripted?: ScriptedOptions
  readonly supervise?: Supervise
  /** The text of a file that may tell of a login; the disk's unless a test says otherwise. */
  readonly readLogin?: LoginPlace['read']
}

/** Which agent was picked, and why, for people. */
export interface Choice {
  readonly name: string
  readonly because: string
}

/** One line of `loopwright agents`. */
export interface AgentListing {
  readonly name: string
  readonly kind: 'scripted' | 'command' | 'acp' | 'custom'
  readonly available: boolean
  readonly executable?: string
  readonly path?: string
  readonly version?: string
  /** Whether somebody is logged in, as far as files and variables tell. */
  readonly login?: Login
  /** What to do when nobody is. */
  readonly hint?: string
  /** Why it is not available, or what its version check said; with what to do. */
  readonly error?: string
}

/** The agents there are, by name. */
export interface Agents {
  /** Every name that `get` takes, besides aliases and `auto`. */
  readonly names: readonly string[]
  /**
   * What a name stands for. Without one, or for `auto`: the configured agent, the calling one, the one whose variables are set,
   * else the first that is installed and not known to be logged out. Throws `bad_input` for a name nobody knows and `missing_tool` when nothing is installed.
   */
  choose(name?: string): Choice
  /** The agent `choose` picks, always the same object for the same name. Throws `missing_tool` when its command is not installed. */
  get(name?: string): Agent
  /** All of them with where they are and which version, for `agents` and `doctor`. */
  list(): Promise<AgentListing[]>
}

/** Names of agents that other versions have, and what to use instead. */
const reserved: Readonly<Record<string, string>> = {
  'claude-api': 'claude_api comes with the model agent; use claude-code',
}

/** A CLI we know, as it is started under one of its names. */
interface Program {
  readonly preset: Preset
  readonly executable: string
  readonly install: string
  /** How it is started to speak the Agent Client Protocol, where the name asks for that. */
  readonly acp?: AcpProgram
}

/** By name, in the order of the presets; those with `acp:` come last. */
const programs: ReadonlyMap<string, Program> = new Map([
  ...presets.map((preset): [string, Program] => [
    preset.name,
    { preset, executable: preset.executable, install: preset.install },
  ]),
  ...presets.flatMap((preset): [string, Program][] => {
    const acp = acpProgram(preset)
    return acp === undefined
      ? []
      : [[`${acpPrefix}${preset.name}`, { preset, executable: acp.executable, install: acp.install, acp }]]
  }),
])

/** Gathers the agents: the user's own, the scripted one, and the CLIs we know. */
export function createAgents(options: AgentsOptions): Agents {
  const custom = new Map(Object.entries(options.custom ?? {}).map(([name, agent]) => [agentName(name), agent]))
  const names = [...new Set([...custom.keys(), 'scripted', ...programs.keys()])]
  const made = new Map<string, Agent>()

  const programOf = (name: string) => (custom.has(name) ? undefined : programs.get(name))
  const installed = (name: string): boolean => {
    const program = programOf(name)
    return program === undefined ? names.includes(name) : options.which(program.executable) !== undefined
  }

  const login = (preset: Preset): Login =>
    preset.loggedIn({ home: options.env.HOME ?? '', env: options.env, read: options.readLogin ?? readLoginFile })

  function checked(name: string): string {
    const plain = agentName(name)
    if (names.includes(plain)) return plain
    const silent = plain.startsWith(acpPrefix) ? programs.get(plain.slice(acpPrefix.length))?.preset : undefined
    if (silent !== undefined) {
      throw new LoopwrightError('bad_input', `${silent.name} does not speak the Agent Client Protocol`, {
        hint: `use ${silent.name}, or name a command that speaks for it in the configuration`,
      })
    }
    const later = Object.hasOwn(reserved, plain) ? reserved[plain] : undefined
    if (later !== undefined) throw new LoopwrightError('bad_input', later)
    const close = nearest(plain, names)
    const plainNames = names.filter((each) => !each.startsWith(acpPrefix))
    throw new LoopwrightError(
      'bad_input',
      `unknown agent ${name.slice(0, 80)}; there are ${[...plainNames, 'auto'].join(', ')}`,
      {
        ...(close === undefined ? {} : { hint: `did you mean ${close}?` }),
      },
    )
  }

  function choose(name?: string): Choice {
    const wanted = (each: string | undefined): each is string =>
      each !== undefined && each.trim() !== '' && agentName(each) !== 'auto'
    if (wanted(name)) return { name: checked(name), because: 'asked for' }
    if (wanted(options.configured)) return { name: checked(options.configured), because: 'configured' }
    const caller = wanted(options.callerAgent) ? agentName(options.callerAgent) : undefined
    if (caller !== undefined && installed(caller)) return { name: caller, because: 'it is the calling agent' }
    const around = callerFromEnv(options.hints ?? {})
    if (around !== undefined && installed(around)) return { name: around, because: 'we were started in it' }
    const first = firstInstalled()
    if (first !== undefined) return first
    throw new LoopwrightError(
      'missing_tool',
      `no agent is installed: looked for ${presets.map((each) => each.executable).join(', ')}`,
      {
        hint: `install one, as in \`${presets[0]?.install}\`; or try it without: --agent scripted`,
      },
    )
  }

  /** The first that is installed and not known to be logged out; else the first that is installed. */
  function firstInstalled(): Choice | undefined {
    const here = presets.filter((preset) => installed(preset.name))
    const out: string[] = []
    for (const preset of here) {
      const { state, by } = custom.has(preset.name) ? { state: 'unknown', by: undefined } : login(preset)
      if (state === 'no') {
        out.push(preset.name)
        continue
      }
      const how = state === 'yes' ? `installed and logged in${by === undefined ? '' : ` (${by})`}` : 'installed'
      const before = out.length === 0 ? '' : `; nobody is logged in to ${out.join(', ')}`
      return { name: preset.name, because: `it is ${how}${before}` }
    }
    const [first] = here
    if (first === undefined) return undefined
    return { name: first.name, because: `it is installed, but nobody seems to be logged in: ${first.login}` }
  }

  function make(name: string): Agent {
    const own = custom.get(name)
    if (own !== undefined && 'run' in own) return own
    const shared = {
      env: options.env,
      ...(options.prices === undefined ? {} : { prices: options.prices }),
      ...(options.stallMs === undefined ? {} : { stallMs: options.stallMs }),
      ...(options.supervise === undefined ? {} : { supervise: options.supervise }),
    }
    if (own !== undefined) {
      const model = own.model ?? options.model
      return commandAgent({ ...shared, name, template: own.command, ...(model === undefined ? {} : { model }) })
    }
    const program = programOf(name)
    if (program === undefined) return scripted(options.scripted)
    const path = options.which(program.executable)
    if (path === undefined) throw missing(name, program)
    const known = { ...shared, ...(options.model === undefined ? {} : { model: options.model }) }
    return program.acp === undefined
      ? commandAgent({ ...known, name, preset: program.preset, executable: path })
      : knownAcpAgent(program.preset, program.acp, path, known)
  }

  async function describe(name: string): Promise<AgentListing> {
    const own = custom.get(name)
    if (own !== undefined) return { name, kind: 'run' in own ? 'custom' : 'command', available: true }
    const program = programOf(name)
    if (program === undefined) return { name, kind: 'scripted', available: true }
    const { executable, preset } = program
    const kind = program.acp === undefined ? 'command' : 'acp'
    const path = options.which(executable)
    if (path === undefined) return { name, kind, available: false, executable, error: missing(name, program).message }
    const who = login(preset)
    const hint = who.state === 'no' ? { hint: preset.login } : {}
    return { name, kind, available: true, executable, path, login: who, ...hint, ...(await options.probe(path)) }
  }

  return {
    names,
    choose,
    get(name) {
      const chosen = choose(name).name
      const agent = made.get(chosen) ?? make(chosen)
      made.set(chosen, agent)
      return agent
    },
    list: () => Promise.all(names.map(describe)),
  }
}

function missing(name: string, { executable, install }: Pick<Program, 'executable' | 'install'>): LoopwrightError {
  return new LoopwrightError('missing_tool', `${name} is not installed: no ${executable} on the PATH (${install})`, {
    hint: `install it: ${install}`,
  })
}
