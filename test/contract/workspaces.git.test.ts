import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { createWorkspaces } from '../../src/workspace/workspaces.ts'
import { git, makeRepo, scratch, write } from '../fixtures/repo.ts'
import { workspacesContract } from './workspaces.ts'

workspacesContract('git', (files) => {
  const place = scratch()
  const project = makeRepo(join(place.path, 'project'), files)
  const plain = join(place.path, 'plain')
  mkdirSync(plain)
  return {
    workspaces: createWorkspaces({ home: join(place.path, 'home'), env: process.env }),
    project,
    other: makeRepo(join(place.path, 'other')),
    plain,
    write,
    read: (path) => (existsSync(path) ? readFileSync(path, 'utf8') : undefined),
    remove: (path) => rmSync(path, { recursive: true }),
    show: (branch, path) =>
      git(project, 'branch', '--list', branch) === '' ? undefined : git(project, 'show', `${branch}:${path}`),
    [Symbol.dispose]: () => place[Symbol.dispose](),
  }
})
