import { randomBytes } from 'node:crypto'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { userStatus } from './create.ts'
import { discover } from './discover.ts'
import { kindOf, removeTree } from './files.ts'
import { type Git, line, type OwnRepo, shown } from './git.ts'
import { userHead } from './publish.ts'
import { isCommitId, makeRepository, storesOf } from './repository.ts'
import { worktreesIn } from './state.ts'

/** A user's repository to look at: its objects through a configuration of ours, so that nothing it configures is executed. */
export interface RepositoryView {
  readonly git: Git
  /** Knows every object of the repository, and no ref. */
  readonly repo: OwnRepo
  readonly top: string
  /** The commit the user is on; absent when there is none yet. */
  readonly head?: string
  /** `main`; absent when no branch is checked out. */
  readonly branch?: string
  /** What is under way there: `merge`, `rebase` … */
  readonly underWay: readonly string[]
  /** Paths with uncommitted changes, new files too. */
  status(): Promise<readonly string[]>
  /** Local branches, the youngest commit first. */
  branches(max: number): Promise<readonly { readonly name: string; readonly commit: string }[]>
}

const marks: readonly (readonly [string, string])[] = [
  ['MERGE_HEAD', 'merge'],
  ['CHERRY_PICK_HEAD', 'cherry-pick'],
  ['REVERT_HEAD', 'revert'],
  ['rebase-merge', 'rebase'],
  ['rebase-apply', 'rebase'],
]

/**
 * Looks at the repository around a directory; undefined when there is none. The view is good until `use` ends. Rejects like
 * `discover`, and with what `use` rejects with.
 *
 * @param home loopwright's state directory, for a scratch folder
 */
export async function viewRepository<T>(
  options: { readonly git: Git; readonly home: string; readonly project: string },
  use: (view: RepositoryView) => Promise<T>,
): Promise<T | undefined> {
  const { git, home, project } = options
  const user = await discover(git, project)
  if (user === undefined) return undefined
  const head = await userHead(git, user)
  const places = worktreesIn(home)
  const folder = join(places, `.look-${randomBytes(6).toString('hex')}`)
  await mkdir(folder, { recursive: true, mode: 0o700 })
  try {
    const gitDir = join(folder, 'control.git')
    await makeRepository({ gitDir, user, stores: await storesOf(user), head: 'refs/heads/none' })
    const underWay = await Promise.all(
      marks.map(async ([name, what]) => ((await kindOf(join(user.gitDir, name))) === 'none' ? [] : [what])),
    )
    return await use({
      git,
      repo: { gitDir },
      top: user.top,
      ...(head.commit === undefined ? {} : { head: head.commit }),
      ...(head.ref?.startsWith('refs/heads/') ? { branch: head.ref.slice('refs/heads/'.length) } : {}),
      underWay: [...new Set(underWay.flat())],
      status: async () => (await userStatus(git, gitDir, user)).map(shown),
      async branches(max) {
        const args = [
          'for-each-ref',
          `--count=${max}`,
          '--sort=-committerdate',
          '--format=%(objectname) %(refname)',
          'refs/heads',
        ]
        const { stdout } = await git.user({ cwd: user.commonDir, gitDir: user.commonDir }, args)
        return line(stdout)
          .split('\n')
          .flatMap((text) => {
            const [commit = '', ref = ''] = [text.slice(0, text.indexOf(' ')), text.slice(text.indexOf(' ') + 1)]
            return isCommitId(commit) ? [{ commit, name: ref.slice('refs/heads/'.length) }] : []
          })
      },
    })
  } finally {
    await removeTree(folder, places).catch(() => {})
  }
}
