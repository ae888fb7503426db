import { mkdir, mkdtemp, realpath, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { Confinement } from '../../core/ports.ts'
import { withNeeds } from './needs.ts'

const confinement: Confinement = {
  writable: ['/work'],
  readable: ['/opt'],
  hidden: ['/home/me'],
  network: ['example.com'],
  env: ['PATH'],
}
const needs = { home: ['.tool', '.cache/tool'], homeRead: ['.netrc'], hosts: ['api.tool.dev'], env: ['TOOL_*'] }

test('what an agent needs is added, and nothing taken away', () => {
  expect(withNeeds(confinement, needs, { env: { HOME: '/home/me' }, cwd: '/work' })).toEqual({
    writable: ['/work', '/home/me/.tool', '/home/me/.cache/tool'],
    readable: ['/opt', '/home/me/.netrc'],
    hidden: ['/home/me'],
    network: ['example.com', 'api.tool.dev'],
    env: ['PATH', 'TOOL_*'],
  })
})

test('a network that is open or closed stays so', () => {
  for (const network of ['open', 'none'] as const) {
    expect(withNeeds({ ...confinement, network }, needs, { env: { HOME: '/home/me' }, cwd: '/work' }).network).toBe(
      network,
    )
  }
})

test('what is needed only in a case is opened only then', () => {
  const more = { when: 'TOOL_USE_CLOUD', home: [], homeRead: ['.cloud'], hosts: ['*.cloud.dev'], env: ['CLOUD_*'] }
  const of = (env: Record<string, string>) =>
    withNeeds(confinement, { ...needs, also: [more] }, { env: { HOME: '/home/me', ...env }, cwd: '/work' })
  expect(of({ TOOL_USE_CLOUD: '1' })).toMatchObject({
    readable: ['/opt', '/home/me/.netrc', '/home/me/.cloud'],
    network: ['example.com', 'api.tool.dev', '*.cloud.dev'],
    env: ['PATH', 'TOOL_*', 'CLOUD_*'],
  })
  for (const env of [{}, { TOOL_USE_CLOUD: '' }]) expect(JSON.stringify(of(env))).not.toMatch(/cloud/i)
})

test('directories that variables have moved are opened where they are; relative ones and a missing home open nothing', () => {
  const env = { HOME: '/home/me', XDG_CACHE_HOME: '/var/cache/me', TOOL_HOME: '/data/tool' }
  const moved = { ...needs, homeVariables: { TOOL_HOME: '.tool' } }
  expect(withNeeds(confinement, moved, { env, cwd: '/work' }).writable).toEqual([
    '/work',
    '/home/me/.tool',
    '/data/tool',
    '/var/cache/me/tool',
  ])
  expect(withNeeds(confinement, moved, { env: { TOOL_HOME: 'x', HOME: '' }, cwd: '/work' }).writable).toEqual(['/work'])
})

test('what leads its next start is read where it writes: also in a directory that a variable has moved, and by pattern', async () => {
  const home = await realpath(await mkdtemp(join(tmpdir(), 'home-')))
  const own = {
    ...needs,
    home: ['.tool', '.tool/projects/{cwd}'],
    homeRead: ['.tool/settings.json', '.tool/hooks/', '.tool/projects', '.tool/kept/*/memory/', '.tool/*.toml'],
    homeFleeting: ['.tool/snapshots'],
    homeVariables: { TOOL_HOME: '.tool' },
  }
  await mkdir(join(home, '.tool/kept/one'), { recursive: true })
  await mkdir(join(home, '.tool/kept/two'))
  await writeFile(join(home, '.tool/a.toml'), '')
  const of = (env: Record<string, string>) =>
    withNeeds(confinement, own, { env: { HOME: home, ...env }, cwd: '/work/a.b' })
  const under = (start: string, paths: readonly string[]) => paths.map((path) => join(start, path))
  const kept = ['settings.json', 'hooks/', 'projects']
  const seen = of({})
  expect(seen.writable.slice(1)).toEqual(under(home, ['.tool', '.tool/projects/-work-a-b']))
  expect(seen.readable.slice(1)).toEqual(
    under(join(home, '.tool'), [...kept, 'kept/one/memory/', 'kept/two/memory/', 'a.toml']),
  )
  expect(seen.fleeting).toEqual([join(home, '.tool/snapshots')])
  const moved = of({ TOOL_HOME: '/data/tool' })
  expect(moved.writable).toEqual(expect.arrayContaining(['/data/tool', '/data/tool/projects/-work-a-b']))
  expect(moved.readable).toEqual(expect.arrayContaining(under('/data/tool', kept)))
  expect(moved.fleeting).toContain('/data/tool/snapshots')
  await rm(home, { recursive: true })
})

test('a variable that moves the whole home opens there what it opens in the home, and no more', async () => {
  const other = await realpath(await mkdtemp(join(tmpdir(), 'home-')))
  await mkdir(join(other, '.tool'))
  const moved = { ...needs, homeVariables: { TOOL_HOME: '' } }
  const env = { HOME: '/home/me', TOOL_HOME: other }
  const { writable } = withNeeds(confinement, moved, { env, cwd: '/work' })
  expect(writable).toEqual(['/work', '/home/me/.tool', join(other, '.tool'), '/home/me/.cache/tool'])
  await rm(other, { recursive: true })
})

test('an agent that is installed in a hidden home can see itself, and not more', async () => {
  const home = await realpath(await mkdtemp(join(tmpdir(), 'home-')))
  const script = join(home, '.nvm/v24/lib/node_modules/tool/cli.js')
  await mkdir(join(home, '.nvm/v24/bin'), { recursive: true })
  await mkdir(join(script, '..'), { recursive: true })
  await writeFile(script, '')
  await symlink(script, join(home, '.nvm/v24/bin/tool'))
  const seen = (executable: string) =>
    withNeeds(confinement, needs, { env: { HOME: home }, executable, cwd: '/work' }).readable.slice(2)
  expect(seen(join(home, '.nvm/v24/bin/tool'))).toEqual([
    join(home, '.nvm/v24/bin'),
    join(home, '.nvm/v24/lib/node_modules'),
  ])
  expect(seen('/usr/bin/tool')).toEqual([])
  expect(seen('tool')).toEqual([])
  await rm(home, { recursive: true })
})

test('an agent that is installed in the temporary directory sees itself, and no more of that directory', () => {
  const own = (executable: string) =>
    withNeeds(confinement, { home: [], hosts: [], env: [] }, { env: { HOME: '/me' }, executable, cwd: '/work' })
      .readable
  expect(own('/tmp/tools/node_modules/.bin/claude')).toContain('/tmp/tools/node_modules/.bin')
  expect(own('/tmp/claude')).not.toContain('/tmp')
  expect(own('/usr/bin/claude')).not.toContain('/usr/bin')
})
