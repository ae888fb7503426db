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
  expect(withNeeds(confinement, needs, { env: { HOME: '/home/me' } })).toEqual({
    writable: ['/work', '/home/me/.tool', '/home/me/.cache/tool'],
    readable: ['/opt', '/home/me/.netrc'],
    hidden: ['/home/me'],
    network: ['example.com', 'api.tool.dev'],
    env: ['PATH', 'TOOL_*'],
  })
})

test('a network that is open or closed stays so', () => {
  for (const network of ['open', 'none'] as const) {
    expect(withNeeds({ ...confinement, network }, needs, { env: { HOME: '/home/me' } }).network).toBe(network)
  }
})

test('what is needed only in a case is opened only then', () => {
  const more = { when: 'TOOL_USE_CLOUD', home: [], homeRead: ['.cloud'], hosts: ['*.cloud.dev'], env: ['CLOUD_*'] }
  const of = (env: Record<string, string>) =>
    withNeeds(confinement, { ...needs, also: [more] }, { env: { HOME: '/home/me', ...env } })
  expect(of({ TOOL_USE_CLOUD: '1' })).toMatchObject({
    readable: ['/opt', '/home/me/.netrc', '/home/me/.cloud'],
    network: ['example.com', 'api.tool.dev', '*.cloud.dev'],
    env: ['PATH', 'TOOL_*', 'CLOUD_*'],
  })
  for (const env of [{}, { TOOL_USE_CLOUD: '' }]) expect(JSON.stringify(of(env))).not.toMatch(/cloud/i)
})

test('directories that variables have moved are opened where they are; relative ones and a missing home open nothing', () => {
  const env = { HOME: '/home/me', XDG_CACHE_HOME: '/var/cache/me', TOOL_HOME: '/data/tool' }
  const moved = { ...needs, homeVariables: ['TOOL_HOME'] }
  expect(withNeeds(confinement, moved, { env }).writable).toEqual([
    '/work',
    '/home/me/.tool',
    '/var/cache/me/tool',
    '/data/tool',
  ])
  expect(withNeeds(confinement, moved, { env: { TOOL_HOME: 'x', HOME: '' } }).writable).toEqual(['/work'])
})

test('an agent that is installed in a hidden home can see itself, and not more', async () => {
  const home = await realpath(await mkdtemp(join(tmpdir(), 'home-')))
  const script = join(home, '.nvm/v24/lib/node_modules/tool/cli.js')
  await mkdir(join(home, '.nvm/v24/bin'), { recursive: true })
  await mkdir(join(script, '..'), { recursive: true })
  await writeFile(script, '')
  await symlink(script, join(home, '.nvm/v24/bin/tool'))
  const seen = (executable: string) =>
    withNeeds(confinement, needs, { env: { HOME: home }, executable }).readable.slice(2)
  expect(seen(join(home, '.nvm/v24/bin/tool'))).toEqual([
    join(home, '.nvm/v24/bin'),
    join(home, '.nvm/v24/lib/node_modules'),
  ])
  expect(seen('/usr/bin/tool')).toEqual([])
  expect(seen('tool')).toEqual([])
  await rm(home, { recursive: true })
})
