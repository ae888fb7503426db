import { dirname, isAbsolute, join, resolve } from 'node:path'
import { isDirectory } from '../config/paths.ts'
import { type Config, isInside } from '../config.ts'
import { LoopwrightError } from '../core/errors.ts'
import type { Agent, Confine, SandboxMode } from '../core/ports.ts'
import type { RunSettings } from '../core/settings.ts'
import { parseAllowlist } from '../process/sandbox/allowlist.ts'
import type { SandboxState } from '../process/sandbox/sandbox.ts'

/** What may be reached where nobody said: package registries, so that dependencies can be installed. */
const usualNetwork = ['registries']

export interface ConfinerOptions {
  readonly config: Pick<Config, 'home' | 'userHome' | 'userFile' | 'sandbox'>
  /** What confinement there is on this machine. */
  readonly sandboxOf: (mode: SandboxMode) => Promise<SandboxState>
}

/** Says how the processes of a run are confined: by its settings, the configuration and its workspace. */
export class Confiner {
  readonly #options: ConfinerOptions

  constructor(options: ConfinerOptions) {
    this.#options = options
  }

  /**
   * How the processes of a run are confined, and what they reach of its loop folder; undefined: they are not. What they see is read-only but the workspace; our own
   * state, the user's configuration of us, and the copy of the project that a worktree stands for are hidden.
   */
  of(settings: RunSettings, loopFolder?: string): Confine | undefined {
    const by = modeOf(settings, this.#options.config)
    if (by === undefined) return undefined
    const { home, userHome, userFile } = this.#options.config
    const [ours, theirs] = [this.#options.config.sandbox, settings.sandbox]
    const paths = (key: 'write' | 'read') =>
      [...(ours[key] ?? []), ...(theirs?.[key] ?? [])].map((path) => absolute(path, userHome))
    const [writable, readable] = [paths('write'), paths('read')]
    return async ({ root, repositories, original }) => {
      await this.#require(by)
      const own = loopFolder === undefined ? undefined : await loopFolderAccess(loopFolder, original ?? root)
      return {
        by,
        writable: [root, ...(own?.writable ?? []), ...writable],
        readable: [...repositories, ...(own?.readable ?? []), ...readable],
        hidden: [home, dirname(userFile), ...(original === undefined ? [] : [original])],
        network: this.#networkOf(settings),
        env: [...new Set([...(ours.env ?? []), ...(theirs?.env ?? [])])],
      }
    }
  }

  /**
   * Rejects with `missing_tool` when a run has to be confined and nothing here can do it, and with `bad_input` for hosts and paths that are
   * none. Agents that are functions need no sandbox.
   */
  async demand(settings: RunSettings, agents: readonly Agent[]): Promise<void> {
    const by = modeOf(settings, this.#options.config)
    // Said now, and not by every process of the run.
    this.of(settings)
    const network = this.#networkOf(settings)
    if (by !== undefined && typeof network !== 'string') parseAllowlist(network)
    if (by === undefined || (by === 'auto' && !agents.some((agent) => agent.spawns))) return
    await this.#require(by)
  }

  #networkOf(settings: RunSettings) {
    return settings.sandbox?.network ?? this.#options.config.sandbox.network ?? usualNetwork
  }

  async #require(by: Exclude<SandboxMode, 'none'>): Promise<void> {
    const { sandbox, problem } = await this.#options.sandboxOf(by)
    if (sandbox !== undefined) return
    const why = by === 'auto' ? 'an agent that acts without asking runs in a sandbox' : `sandbox: ${by}`
    throw new LoopwrightError('missing_tool', `${why}, and there is none here: ${problem ?? 'not found'}`, {
      hint: 'install it, or say --no-sandbox in a place you can throw away; loopwright doctor tells what is missing',
    })
  }
}

/**
 * What the stages of a run reach of its loop folder: they read it and write its `output/`. Of one that holds the project only `knowledge/`
 * and `output/`, or the project would be seen with it.
 */
async function loopFolderAccess(folder: string, project: string) {
  const [output, knowledge] = [join(folder, 'output'), join(folder, 'knowledge')]
  const there = (path: string) => isDirectory(path)
  const readable = isInside(folder, project) ? ((await there(knowledge)) ? [knowledge] : []) : [folder]
  return { readable, writable: (await there(output)) ? [output] : [] }
}

/** With what a run is confined; undefined: not at all. `auto` confines agents that act without asking. */
function modeOf(settings: RunSettings, config: Pick<Config, 'sandbox'>): Exclude<SandboxMode, 'none'> | undefined {
  const mode = settings.sandbox?.mode ?? config.sandbox.mode ?? 'auto'
  if (mode === 'none' || (mode === 'auto' && !settings.skipPermissions)) return undefined
  return mode
}

function absolute(path: string, userHome: string): string {
  const plain = path === '~' ? userHome : path.startsWith('~/') ? join(userHome, path.slice(2)) : path
  if (isAbsolute(plain)) return resolve(plain)
  throw new LoopwrightError('bad_input', `sandbox: ${path} is no absolute path`, { hint: 'begin it with / or ~/' })
}
