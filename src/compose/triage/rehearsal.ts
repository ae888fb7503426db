import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Finding } from '../../core/triage/finding.ts'
import { discover, resolveCommit } from '../../workspace/discover.ts'
import type { Git } from '../../workspace/git.ts'

/** A place to rehearse in where the project is no git repository: a small one, thrown away afterwards. */
export interface Rehearsal {
  readonly path: string
  remove(): Promise<void>
}

/** Whether a directory is in a git repository that has a commit to start from. */
export async function isRepository(git: Git, path: string): Promise<boolean> {
  const user = await discover(git, path).catch(() => undefined)
  return user !== undefined && (await resolveCommit(git, user, 'HEAD').catch(() => undefined)) !== undefined
}

/** From the top of the repository to a directory in it; empty at the top and where there is none. */
export async function prefixOf(git: Git, path: string): Promise<string> {
  return (await discover(git, path).catch(() => undefined))?.prefix ?? ''
}

/** Makes one below `home`. */
export async function rehearse(git: Git, home: string): Promise<Rehearsal> {
  const base = join(home, 'rehearsals')
  await mkdir(base, { recursive: true, mode: 0o700 })
  const path = await mkdtemp(join(base, 'r-'))
  await writeFile(join(path, 'README.md'), '# A place to rehearse in\n')
  await initRepository(git, path)
  return { path, remove: () => rm(path, { recursive: true, force: true }) }
}

async function initRepository(git: Git, path: string): Promise<void> {
  const repo = { gitDir: join(path, '.git'), workTree: path }
  await git.own(repo, ['init', '--quiet', '--initial-branch=main'])
  await git.own(repo, ['add', '--all'])
  const who = ['-c', 'user.name=loopwright', '-c', 'user.email=loopwright@localhost']
  await git.own(repo, [...who, 'commit', '--quiet', '--message=a place to rehearse in'])
}

/** What the scripted agent is given to rehearse with where nothing was found. */
export const exampleFinding: Finding = {
  id: 'rehearsal:example',
  source: 'git',
  title: 'An example, because nothing was found here: a rehearsal needs something to act on',
  weight: 'normal',
}
