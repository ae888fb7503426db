import { chmodSync, existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { seenBy } from '../../test/contract/source.ts'
import { git, hashes, write } from '../../test/fixtures/repo.ts'
import { sourceScene } from '../../test/fixtures/sources.ts'
import { gitSource } from './git.ts'
import { todoSource } from './todo.ts'

type Scene = ReturnType<typeof sourceScene>

const commit = (w: Scene, message: string, files: Readonly<Record<string, string>> = {}) => {
  write(w.project, files)
  git(w.project, 'add', '-A')
  git(w.project, 'commit', '-q', '--allow-empty', '-m', message)
}
const look = async (w: Scene, options: Partial<Parameters<typeof gitSource>[0]> = {}) =>
  (await seenBy(gitSource({ view: w.view, since: 0, ...options }))).map(({ title, weight }) => [weight, title])

test('a repository that is in order has nothing to tell', async () => {
  using w = sourceScene()
  expect(await look(w)).toEqual([])
  expect(await seenBy(todoSource({ view: w.view }))).toEqual([])
})

test('a repository without a commit has nothing to tell either', async () => {
  using w = sourceScene()
  git(w.plain, 'init', '-q')
  expect(await seenBy(gitSource({ view: w.blind, since: 0 }))).toEqual([])
  expect(await seenBy(todoSource({ view: w.blind }))).toEqual([])
})

test('reverts and commits that were to be squashed are told, since the last look', async () => {
  using w = sourceScene()
  commit(w, 'add it', { 'b.txt': 'b' })
  git(w.project, 'revert', '--no-edit', 'HEAD')
  commit(w, 'fixup! add it')
  commit(w, 'WIP')
  expect(await look(w)).toEqual([
    ['normal', expect.stringMatching(/^[0-9a-f]{10} reverts: add it$/)],
    ['low', expect.stringMatching(/was to be squashed: WIP$/)],
    ['low', expect.stringMatching(/was to be squashed: fixup! add it$/)],
  ])
  expect(await look(w, { since: Date.now() + 3_600_000 })).toEqual([])
})

test('conflict marks in committed code are told; a page about them is not', async () => {
  using w = sourceScene()
  const marks = '<<<<<<< HEAD\na\n=======\nb\n>>>>>>> topic\n'
  commit(w, 'oops', { 'src/a.ts': marks, 'docs/git.md': marks, 'x.ts': '=======\n', 'y.ts': '<<<<<<< HEAD\n' })
  expect(await look(w)).toEqual([['high', 'src/a.ts was committed with conflict marks']])
})

test('large files that came in and are still there are told', async () => {
  using w = sourceScene()
  const big = 'x'.repeat(2 * 1024 * 1024)
  commit(w, 'big', { 'dir/a b.bin': big, 'gone.bin': `${big}y`, 'small.txt': 'x' })
  git(w.project, 'rm', '-q', 'gone.bin')
  commit(w, 'rm')
  expect(await look(w, { largeBytes: 1024 * 1024 })).toEqual([['normal', 'dir/a b.bin was added with 2 MiB']])
})

test('branches with own work far behind are told; ours and merged ones are not', async () => {
  using w = sourceScene()
  for (const name of ['old', 'loopwright/run-1']) {
    git(w.project, 'checkout', '-q', '-b', name, 'main')
    commit(w, `on ${name}`)
  }
  git(w.project, 'branch', 'merged', 'main')
  git(w.project, 'checkout', '-q', 'main')
  for (let i = 0; i < 3; i++) commit(w, `c${i}`)
  expect(await look(w, { farBehind: 3 })).toEqual([
    ['low', 'the branch old is 3 commits behind main, with 1 of its own'],
  ])
  expect(await look(w)).toEqual([])
})

test('uncommitted changes and what is under way are told', async () => {
  using w = sourceScene()
  write(w.project, { 'a.txt': 'changed\n', 'new dir/new.txt': 'x' })
  writeFileSync(join(w.project, '.git', 'MERGE_HEAD'), `${'1'.repeat(40)}\n`)
  expect(await look(w)).toEqual([
    ['normal', 'a merge is under way in the working copy'],
    ['low', '2 uncommitted changes'],
  ])
})

test('looking changes nothing and runs nothing that the repository configures', async () => {
  using w = sourceScene({ 'a.txt': 'one\n', '.gitattributes': '* filter=evil diff=evil merge=evil\n' })
  const trace = join(w.path, 'trace')
  const evil = join(w.path, 'evil')
  writeFileSync(evil, `#!/bin/sh\necho x >> '${trace}'\ncat\n`)
  chmodSync(evil, 0o755)
  commit(w, 'fixup! x', { 'b.txt': '// TODO: it\n' })
  git(w.project, 'branch', 'other')
  for (const name of [
    'core.fsmonitor',
    'filter.evil.clean',
    'filter.evil.smudge',
    'filter.evil.process',
    'diff.evil.textconv',
    'diff.evil.command',
    'diff.external',
    'core.pager',
    'gpg.program',
    'core.alternateRefsCommand',
    'alias.log',
    'core.sshCommand',
  ]) {
    git(w.project, 'config', name, evil)
  }
  for (const name of ['log.showSignature', 'grep.fullName', 'submodule.recurse', 'filter.evil.required'])
    git(w.project, 'config', name, 'true')
  write(w.project, { 'a.txt': 'dirty\n' })
  const before = hashes(w.project)
  expect(await look(w)).toHaveLength(2)
  expect(await seenBy(todoSource({ view: w.view }))).toHaveLength(1)
  expect(existsSync(trace)).toBe(false)
  expect(hashes(w.project)).toEqual(before)
})

test('notes of debt are found in comments, with an id that stays when the line moves', async () => {
  using w = sourceScene({
    'src/a.ts': 'const x = 1\n// TODO(ada): tidy this up\nconst todo = "TODO"\n  /* HACK works around a bug */\n',
    'lib/b.py': '# FIXME wrong for zero\nprint("the TODO list")\n',
    'c.bin': '\u0000TODO: x',
    'min.js': `// TODO: ${'x'.repeat(1000)}`,
    'd.sh': '# see TODOLIST\n',
  })
  const notes = async () =>
    (await seenBy(todoSource({ view: w.view }))).map(({ id, title, body }) => ({ id, title, body }))
  const before = await notes()
  expect(before).toEqual([
    {
      id: expect.stringMatching(/^todo:lib\/b\.py:[0-9a-f]{8}$/),
      title: 'lib/b.py: FIXME wrong for zero',
      body: 'lib/b.py:1',
    },
    { id: expect.stringMatching(/^todo:src\/a\.ts:/), title: 'src/a.ts: HACK works around a bug', body: 'src/a.ts:4' },
    { id: expect.stringMatching(/^todo:src\/a\.ts:/), title: 'src/a.ts: TODO(ada): tidy this up', body: 'src/a.ts:2' },
  ])
  commit(w, 'move', { 'src/a.ts': '\n\n\n// TODO(ada): tidy this up\n/* HACK works around a bug */\n' })
  const after = await notes()
  expect(after.map(({ id }) => id)).toEqual(before.map(({ id }) => id))
  expect(after.map(({ body }) => body)).toContain('src/a.ts:4')
})

test('the same note twice in a file is two findings, and a thousand are a hundred', async () => {
  using w = sourceScene({ 'a.ts': '// TODO: again\n// TODO: again\n' })
  const ids = (await seenBy(todoSource({ view: w.view }))).map(({ id }) => id)
  expect(ids).toEqual([expect.any(String), `${ids[0]}-2`])
  commit(w, 'many', { 'b.ts': Array.from({ length: 1000 }, (_, i) => `// TODO: ${i}`).join('\n') })
  expect(await seenBy(todoSource({ view: w.view }))).toHaveLength(100)
})
