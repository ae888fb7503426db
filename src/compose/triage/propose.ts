import { githubEnvironment } from '../../config/github.ts'
import type { Workspace } from '../../core/ports.ts'
import type { TriageSpec } from '../../core/spec/triage.ts'
import { pullRequestOf, revisionComment } from '../../core/triage/pull-request.ts'
import type { TickResult } from '../../core/triage/tick.ts'
import { type PushCredentials, pushBranch } from '../../workspace/push.ts'
import { userSsh } from '../../workspace/ssh.ts'
import { forgeOf, pushedElsewhere } from './forge.ts'
import type { DeskWiring } from './wiring.ts'

/**
 * Pushes a tick's branch and opens a pull request for it, or finds the one that is open; a pull request that was reviewed gets the new
 * change. The engine holds the right to do so; no agent and no check of the tick does.
 */
export function proposer(
  wiring: DeskWiring,
  spec: TriageSpec,
  workspace: () => Promise<Workspace>,
): (result: TickResult, signal: AbortSignal) => Promise<{ readonly url: string } | { readonly why: string }> {
  const { git, config, env } = wiring
  return async (result, signal) => {
    const found = await forgeOf(wiring, spec.root, signal)
    if ('why' in found) return found
    const { revises } = result
    const branch = revises?.branch ?? (await workspace()).branch
    const commit = result.change?.commit
    if (branch === undefined || commit === undefined) return { why: 'nothing was committed' }
    // Whoever closed it meanwhile has decided.
    if (revises !== undefined && !(await found.forge.pulls()).some((pull) => pull.branch === branch))
      return { why: `${revises.url} is not open any more` }
    const elsewhere = await pushedElsewhere(git, spec.root, found.forge.repository)
    if (elsewhere !== undefined) return { why: elsewhere }
    const { token, ssh = await userSsh(git, spec.root) } = githubEnvironment(env)
    const credentials: PushCredentials | undefined =
      found.by === 'gh'
        ? { helper: '!gh auth git-credential', host: found.host }
        : token === undefined
          ? undefined
          : { token, host: found.host }
    await pushBranch({
      git,
      home: config.home,
      project: spec.root,
      branch,
      commit,
      ...(revises === undefined ? {} : { replace: revises.commit }),
      ...(credentials === undefined ? {} : { credentials }),
      ...(ssh === undefined ? {} : { ssh }),
    })
    const { title, body } = pullRequestOf(result)
    const base = await found.forge.defaultBranch()
    const { url, number } = await found.forge.openPull({ branch, base, title, body })
    // The change is there without it.
    if (revises !== undefined) await found.forge.comment(number, revisionComment(result)).catch(() => {})
    return { url }
  }
}
