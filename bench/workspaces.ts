// Times opening, checkpointing and merging on a small and a large repository: node bench/workspaces.ts [files]

import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import { createWorkspaces } from '../src/workspace/workspaces.ts'
import { makeRepo, scratch, write } from '../test/fixtures/repo.ts'

async function time(name: string, work: () => Promise<unknown>): Promise<void> {
  const start = performance.now()
  await work()
  console.log(`  ${name}: ${(performance.now() - start).toFixed(1)} ms`)
}

for (const count of [3, Number(process.argv[2] ?? 20_000)]) {
  using place = scratch()
  const files: Record<string, string> = {}
  for (let at = 0; at < count; at++) files[`d${at % 200}/e${at % 7}/f${at}.txt`] = `file ${at}\n`.repeat(20)
  const repo = makeRepo(join(place.path, 'repo'), files)
  const workspaces = createWorkspaces({ home: join(place.path, 'home'), env: process.env })
  const spec = { project: repo, isolation: 'worktree' } as const
  await (await workspaces.open({ ...spec, run: 'warm' })).close('auto')
  console.log(`${count} files`)
  for (const round of [1, 2, 3]) {
    const run = `r${round}`
    await time('open', () => workspaces.open({ ...spec, run }))
    const workspace = await workspaces.open({ ...spec, run })
    write(workspace.path, { 'd0/e0/f0.txt': `${run}\n`, [`${run}.txt`]: 'new\n' })
    await time('checkpoint', () => workspace.checkpoint('x', '1'))
    await time('checkpoint without change', () => workspace.checkpoint('x', '2'))
    await time('fork', () => workspace.fork('w'))
    write((await workspace.fork('w')).path, { 'w.txt': 'w\n' })
    await time('merge', () => workspace.merge([{ id: 'w', title: 'w' }], '3'))
    await time('fork of the second iteration', () => workspace.fork('w2'))
    write((await workspace.fork('w2')).path, { 'w2.txt': 'w2\n' })
    await time('merge of the second iteration', () => workspace.merge([{ id: 'w2', title: 'w2' }], '4'))
    await workspace.fork('w3')
    await time('merge of a worker without changes', () => workspace.merge([{ id: 'w3', title: 'w3' }], '5'))
    await time('publish', () => workspace.publish())
    await time('close', () => workspace.close('always'))
  }
}
