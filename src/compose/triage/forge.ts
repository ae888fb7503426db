import { githubEnvironment } from '../../config/github.ts'
import type { Config } from '../../config.ts'
import { isLoopwrightError } from '../../core/errors.ts'
import type { Clock, RunCommand } from '../../core/ports.ts'
import { type FoundForge, findForge } from '../../forge/find.ts'
import { parseRemote } from '../../forge/remote.ts'
import type { Git } from '../../workspace/git.ts'
import { remoteUrl } from '../../workspace/push.ts'

export interface ForgeOptions {
  readonly config: Pick<Config, 'home'>
  readonly env: Readonly<Record<string, string>>
  readonly clock: Clock
  readonly git: Git
  readonly runCommand: RunCommand
}

/** The forge of the project at `root`, by its remote `origin` and what the user's environment says; or why there is none. */
export async function forgeOf(options: ForgeOptions, root: string, signal?: AbortSignal): Promise<FoundForge> {
  const { config, env, clock, git, runCommand } = options
  const { ssh: _, ...said } = githubEnvironment(env)
  return await findForge({
    ...said,
    remote: await remoteOf(git, root),
    run: runCommand,
    cwd: config.home,
    clock,
    ...(signal === undefined ? {} : { signal }),
  })
}

/**
 * The address that `origin` is read from, as git would use it; undefined where there is none. Not where it is pushed to: that may be a
 * fork, and issues and pull requests are where the project is.
 */
export async function remoteOf(git: Git, root: string): Promise<string | undefined> {
  try {
    return await remoteUrl(git, { top: root }, 'origin', 'fetch')
  } catch (error) {
    if (isLoopwrightError(error, 'not_found')) return undefined
    throw error
  }
}

/**
 * Why what is pushed to `origin` cannot become a pull request of this repository (`owner/name`): it goes somewhere else. Undefined where
 * it can.
 */
export async function pushedElsewhere(git: Git, root: string, repository: string): Promise<string | undefined> {
  const [read, push] = [await remoteOf(git, root), await remoteUrl(git, { top: root }, 'origin')]
  const to = parseRemote(push)
  // Only where both are repositories of a forge can they be compared.
  if (to === undefined || read === undefined || parseRemote(read) === undefined) return undefined
  const target = `${to.owner}/${to.name}`
  return target.toLowerCase() === repository.toLowerCase()
    ? undefined
    : `origin is pushed to ${target}, and not to ${repository}`
}
