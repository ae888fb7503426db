import { messageOf } from '../../core/errors.ts'
import type { TriageSpec } from '../../core/spec/triage.ts'
import type { Revision, TickResult } from '../../core/triage/tick.ts'
import { line } from '../../workspace/git.ts'
import { viewRepository } from '../../workspace/reader.ts'
import { forgeOf } from './forge.ts'
import { reviewsOf } from './reviews.ts'
import type { DeskWiring } from './wiring.ts'

/** Of a change under review that agents are shown. */
const mostDiff = 3500

/**
 * What people want changed about pull requests of earlier ticks, with the change itself for who has to make it anew: a tick starts from
 * what the project is now. A forge that cannot be asked has heard nobody.
 */
export function reviser(
  wiring: DeskWiring,
  spec: TriageSpec,
): (
  proposed: ReadonlyMap<string, TickResult>,
) => Promise<ReadonlyMap<string, { readonly revision: Revision; readonly feedback: string }>> {
  const { git, config, warn } = wiring
  const { root, item, request } = spec

  const diffOf = async (commit: string): Promise<string> =>
    (await viewRepository({ git, home: config.home, project: root }, async (view) => {
      const base = await git.own(view.repo, ['merge-base', view.head ?? commit, commit], { ok: [0, 1] })
      if (base.code !== 0) return ''
      const args = ['diff-tree', '-r', '-p', '-M', '--no-color', '--no-ext-diff', '--no-textconv', line(base.stdout)]
      const seen = await git.own(view.repo, [...args, commit], { maxBytes: mostDiff, truncate: true })
      return `${seen.stdout.toString()}${seen.truncated ? '\n… (there is more of it)' : ''}`
    }).catch(() => undefined)) ?? ''

  return async (proposed) => {
    const revised = new Map<string, { readonly revision: Revision; readonly feedback: string }>()
    if (proposed.size === 0) return revised
    try {
      const found = await forgeOf(wiring, root)
      if ('why' in found) return revised
      for (const [id, { revision, said }] of await reviewsOf(found.forge, proposed, request && item)) {
        const diff = await diffOf(revision.commit)
        const feedback = [
          said === '' ? '' : `People reviewed the change that is proposed in ${revision.url}:\n${said}`,
          `The change as it is proposed now. Make it again, so that it does what they ask:\n${diff}`,
        ]
        revised.set(id, { revision, feedback: feedback.filter((part) => part !== '').join('\n\n') })
      }
    } catch (error) {
      warn(`reviews could not be read: ${messageOf(error)}`)
    }
    return revised
  }
}
