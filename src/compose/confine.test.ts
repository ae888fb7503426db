import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { scratch } from '../../test/fixtures/repo.ts'
import type { Agent, SandboxMode } from '../core/ports.ts'
import type { RunSettings } from '../core/settings.ts'
import { goalSpec } from '../core/spec/goal.ts'
import type { SandboxState } from '../process/sandbox/sandbox.ts'
import { Confiner } from './confine.ts'

const place = {
  root: '/state/worktrees/r1/tree',
  repositories: ['/state/worktrees/r1/agent.git', '/repo/.git/objects'],
  original: '/repo',
}
const program: Agent = { name: 'program', spawns: true, run: async () => ({ text: '' }) }
const fn: Agent = { name: 'function', run: async () => ({ text: '' }) }

function confiner(sandbox: Partial<NonNullable<RunSettings['sandbox']>> = {}, works = true) {
  const asked: SandboxMode[] = []
  return {
    asked,
    confiner: new Confiner({
      config: { home: '/state', userHome: '/me', userFile: '/me/.config/loopwright/config.yaml', sandbox },
      sandboxOf: async (mode): Promise<SandboxState> => {
        asked.push(mode)
        const confine = () => Promise.reject(new Error('not here'))
        return works ? { mode, sandbox: { name: 'bwrap', confine } } : { mode, problem: 'install bubblewrap' }
      },
    }),
  }
}

const spec = (input: object) => goalSpec.parse({ goal: 'g', ...input })

test('agents that act without asking are confined to their workspace, others are not', async () => {
  const { confiner: c } = confiner()
  expect(c.of(spec({}))).toBeUndefined()
  expect(await c.of(spec({ skipPermissions: true }))?.(place)).toEqual({
    by: 'auto',
    writable: [place.root],
    readable: place.repositories,
    hidden: ['/state', '/me/.config/loopwright', '/repo'],
    network: ['registries'],
    env: [],
  })
})

test('of its loop folder a run reads all and writes its output; of one that holds the project it reads what was learnt', async () => {
  using temporary = scratch()
  const { confiner: c } = confiner()
  const bold = spec({ skipPermissions: true })
  const folder = join(temporary.path, 'project', 'heal')
  for (const name of ['output', 'knowledge']) mkdirSync(join(folder, name), { recursive: true })
  const within = await c.of(bold, folder)?.({ ...place, original: join(temporary.path, 'project') })
  expect(within).toMatchObject({
    writable: [place.root, join(folder, 'output')],
    readable: [...place.repositories, folder],
  })
  const around = await c.of(bold, folder)?.({ ...place, original: join(folder, 'project') })
  expect(around?.readable).toEqual([...place.repositories, join(folder, 'knowledge')])
  const bare = await c.of(bold, temporary.path)?.({ ...place, original: join(temporary.path, 'project') })
  expect(bare).toMatchObject({ writable: [place.root], readable: place.repositories })
})

test('in place there is no copy of the project to hide', async () => {
  const { confiner: c } = confiner()
  const confinement = await c.of(spec({ skipPermissions: true }))?.({ root: '/repo', repositories: ['/repo/.git'] })
  expect(confinement).toMatchObject({
    writable: ['/repo'],
    readable: ['/repo/.git'],
    hidden: ['/state', '/me/.config/loopwright'],
  })
})

test('a mode that is named confines every run, and none confines no run', () => {
  expect(confiner({ mode: 'bwrap' }).confiner.of(spec({}))).toBeDefined()
  expect(confiner({ mode: 'bwrap' }).confiner.of(spec({ sandbox: 'none', skipPermissions: true }))).toBeUndefined()
  expect(confiner({ mode: 'none' }).confiner.of(spec({ skipPermissions: true }))).toBeUndefined()
  expect(
    confiner({ mode: 'none' }).confiner.of(spec({ sandbox: { mode: 'auto' }, skipPermissions: true })),
  ).toBeDefined()
})

test('what user and run allow adds up; of networks the nearer word counts', async () => {
  const { confiner: c } = confiner({ write: ['~/.cache/a'], env: ['A'], network: 'none' })
  const settings = spec({ sandbox: { mode: 'srt', write: '/b', read: '~/notes', env: ['A', 'B_*'] } })
  expect(await c.of(settings)?.(place)).toMatchObject({
    by: 'srt',
    writable: [place.root, '/me/.cache/a', '/b'],
    readable: [...place.repositories, '/me/notes'],
    network: 'none',
    env: ['A', 'B_*'],
  })
  const open = spec({ skipPermissions: true, sandbox: { network: 'open' } })
  expect(await c.of(open)?.(place)).toMatchObject({ network: 'open' })
})

test('a path that is not absolute is refused', () => {
  expect(() => confiner({ write: ['../up'] }).confiner.of(spec({ skipPermissions: true }))).toThrow(
    /\.\.\/up is no absolute path/,
  )
})

test('a run that has to be confined does not start where nothing can do it, nor goes on there', async () => {
  const { confiner: c } = confiner({}, false)
  const bold = spec({ skipPermissions: true })
  const refusal = { code: 'missing_tool', message: expect.stringContaining('install bubblewrap') }
  await expect(c.demand(bold, [fn, program])).rejects.toMatchObject({
    ...refusal,
    hint: expect.stringContaining('--no-sandbox'),
  })
  await expect(c.of(bold)?.(place)).rejects.toMatchObject(refusal)
  await expect(c.demand(spec({ sandbox: 'bwrap' }), [fn])).rejects.toMatchObject(refusal)
  await c.demand(bold, [fn])
  await c.demand(spec({ skipPermissions: true, sandbox: 'none' }), [program])
  await c.demand(spec({}), [program])
})

test('a host that is none is refused before anything starts', async () => {
  const { confiner: c } = confiner()
  const bad = spec({ skipPermissions: true, sandbox: { network: ['api.example.com/x'] } })
  await expect(c.demand(bad, [program])).rejects.toMatchObject({ code: 'bad_input' })
  await expect(c.demand(spec({ sandbox: { network: ['api.example.com/x'] } }), [program])).resolves.toBeUndefined()
})
