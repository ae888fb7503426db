import { githubEnvironment } from '../../config/github.ts'
import type { Config } from '../../config.ts'
import type { Clock, RunCommand } from '../../core/ports.ts'
import { type FoundForge, findForge } from '../../forge/find.ts'
import type { Git } from '../../workspace/git.ts'

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
  return await findForge({
    ...githubEnvironment(env),
    remote: await remoteOf(git, root),
    run: runCommand,
    cwd: config.home,
    clock,
    ...(signal === undefined ? {} : { signal }),
  })
}

/** The address of `origin`; undefined where there is none. */
export async function remoteOf(git: Git, root: string): Promise<string | undefined> {
  const seen = await git.user({ cwd: root }, ['config', '--get', 'remote.origin.url'], { ok: [0, 1, 128] })
  const url = seen.stdout.toString().trim()
  return seen.code === 0 && url !== '' ? url : undefined
}
