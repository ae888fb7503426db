import { once } from 'node:events'
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { scratch, write } from '../../../test/fixtures/repo.ts'
import type { Confinement } from '../../core/ports.ts'
import { makeView, socketTable, type View } from './view.ts'

const nothing: Confinement = { writable: [], readable: [], hidden: [], network: 'none', env: [] }

/** A home and a workspace, and the view of a process confined to it. */
function scene(root: string) {
  const at = (path: string) => join(root, path)
  write(root, {
    'home/.ssh/id': 'x',
    'home/.config/gh/hosts.yml': 'x',
    'home/.config/tool': 'x',
    'home/notes': 'x',
    'work/a': 'x',
  })
  mkdirSync(at('scratch'))
  const view = (confinement: Partial<Confinement>, sockets = ''): View =>
    makeView({
      confinement: { ...nothing, ...confinement },
      homes: [at('home')],
      scratch: at('scratch'),
      needed: [],
      isRoot: false,
      sockets,
    })
  return { at, view }
}

/** The mounts of a view, in order, as `what path`. */
function mounts({ args }: View): string[] {
  const found: string[] = []
  for (let at = 0; at < args.length; ) {
    const [what, one = '', two = ''] = args.slice(at, at + 3)
    const isBind = what === '--bind' || what === '--ro-bind'
    found.push(`${what} ${isBind ? two : one}`)
    at += isBind ? 3 : 2
  }
  return found
}

test('a parent is mounted before what lies in it, and covers are closed last', () => {
  using place = scratch()
  const { at, view } = scene(place.path)
  write(place.path, { 'work/sub/kept/x': 'x', 'work/sub/secret/y': 'y' })
  const seen = mounts(
    view({ writable: [at('work')], readable: [at('work/sub/kept')], hidden: [at('work/sub/secret')] }),
  )
  const order = [
    `--bind ${at('work')}`,
    `--bind ${at('work/sub')}`,
    `--ro-bind ${at('work/sub/kept')}`,
    `--tmpfs ${at('work/sub/secret')}`,
    `--remount-ro ${at('work/sub/secret')}`,
  ]
  expect(seen.filter((each) => order.includes(each)).toSorted()).toEqual(order.toSorted())
  expect(seen.indexOf(`--bind ${at('work')}`)).toBeLessThan(seen.indexOf(`--bind ${at('work/sub')}`))
  expect(seen.indexOf(`--bind ${at('work/sub')}`)).toBeLessThan(seen.indexOf(`--ro-bind ${at('work/sub/kept')}`))
  const first = seen.findIndex((each) => each.startsWith('--remount-ro'))
  expect(seen.slice(first).every((each) => each.startsWith('--remount-ro'))).toBe(true)
})

test('of equal paths the stricter counts', () => {
  using place = scratch()
  const { at, view } = scene(place.path)
  const both = view({ writable: [at('work')], readable: [at('work')] })
  expect(mounts(both)).toContain(`--ro-bind ${at('work')}`)
  expect(mounts(both)).not.toContain(`--bind ${at('work')}`)
})

test('the home is private: what is in it is read, secrets are not there', () => {
  using place = scratch()
  const { at, view } = scene(place.path)
  const seen = mounts(view({ writable: [at('work')] }))
  expect(seen).toContain(`--bind ${at('home')}`)
  expect(seen).toContain(`--ro-bind ${at('home/notes')}`)
  expect(seen).toContain(`--tmpfs ${at('home/.config/gh')}`)
  expect(seen.some((each) => each.includes('.ssh'))).toBe(false)
})

test('a secret that the call names is opened', () => {
  using place = scratch()
  const { at, view } = scene(place.path)
  const seen = mounts(view({ writable: [at('home/.ssh')], readable: [at('home/.config/gh')] }))
  expect(seen).toContain(`--bind ${at('home/.ssh')}`)
  expect(seen).not.toContain(`--tmpfs ${at('home/.config/gh')}`)
})

test('a working copy cannot write what makes it one', () => {
  using place = scratch()
  const { at, view } = scene(place.path)
  writeFileSync(at('work/.git'), 'gitdir: /x\n')
  expect(mounts(view({ writable: [at('work')] }))).toContain(`--ro-bind ${at('work/.git')}`)
})

test('what is kept and not there yet is covered meanwhile, and uncovered on release', () => {
  using place = scratch()
  const { at, view } = scene(place.path)
  const made = view({
    writable: [at('work')],
    readable: [at('work/.tool/settings.json')],
    hidden: [at('work/.hooks/')],
  })
  expect(mounts(made)).toContain(`--ro-bind ${at('work/.tool/settings.json')}`)
  expect(mounts(made)).toContain(`--tmpfs ${at('work/.hooks')}`)
  made.release()
  expect(readdirSync(at('work'))).toEqual(['a'])
})

test('what is fleeting is read where it is, and written elsewhere', () => {
  using place = scratch()
  const { at, view } = scene(place.path)
  write(place.path, { 'home/.tool/config.json': '{"a": 1}', 'home/.tool/hooks/a': 'x' })
  const made = view({
    writable: [at('home/.tool/sessions')],
    fleeting: [at('home/.tool'), at('home/.tool/config.json'), at('home/.tool/absent.db-wal'), at('home/.cache/new')],
  })
  const seen = mounts(made)
  expect(seen).toContain(`--bind ${at('home/.tool')}`)
  expect(seen).toContain(`--bind ${at('home/.tool/sessions')}`)
  expect(seen).toContain(`--ro-bind ${at('home/.tool/hooks')}`)
  expect(seen).toContain(`--bind ${at('home/.cache/new')}`)
  const source = (path: string) => made.args[made.args.indexOf(path) - 1] ?? ''
  expect(source(at('home/.tool'))).toContain(at('scratch'))
  const copy = join(source(at('home/.tool')), 'config.json')
  expect(readFileSync(copy, 'utf8')).toBe('{"a": 1}')
  writeFileSync(copy, '{"hooks": 1}')
  made.release()
  expect(readFileSync(at('home/.tool/config.json'), 'utf8')).toBe('{"a": 1}')
  expect(readdirSync(at('home/.tool')).toSorted()).toEqual(['config.json', 'hooks', 'sessions'])
})

test('a directory in which something is fleeting cannot be renamed with it', () => {
  using place = scratch()
  const { at, view } = scene(place.path)
  mkdirSync(at('home/.tool/a/b'), { recursive: true })
  const seen = mounts(view({ writable: [at('home/.tool')], fleeting: [at('home/.tool/a/b')] }))
  expect(seen).toContain(`--bind ${at('home/.tool/a')}`)
})

test('settings that are a link into what is not written stay that link, and open nothing', () => {
  using place = scratch()
  const { at, view } = scene(place.path)
  write(place.path, { 'home/dots/settings.json': '{}', 'home/.tool/sub/x': 'x' })
  const links = { 'settings.json': '../dots/settings.json', 'sub/hooks': at('home/.ssh'), gone: at('home/nowhere') }
  for (const [path, target] of Object.entries(links)) symlinkSync(target, at(`home/.tool/${path}`))
  const kept = Object.keys(links).map((path) => at(`home/.tool/${path}`))
  const made = view({ writable: [at('home/.tool')], readable: [...kept, at('home/.tool/sub/hooks/id')] })
  expect(mounts(made)).toContain(`--bind ${at('home/.tool/sub')}`)
  expect(mounts(made).some((each) => each.includes('.ssh'))).toBe(false)
  for (const path of kept) rmSync(path)
  writeFileSync(at('home/.tool/settings.json'), 'planted')
  mkdirSync(at('home/.tool/sub/hooks'))
  made.release()
  for (const [path, target] of Object.entries(links)) expect(readlinkSync(at(`home/.tool/${path}`))).toBe(target)
})

test('of two at once, the last takes the cover away', () => {
  using place = scratch()
  const { at, view } = scene(place.path)
  const confinement = { writable: [at('work')], readable: [at('work/.tool/settings.json')] }
  const first = view(confinement)
  rmSync(at('scratch'), { recursive: true })
  mkdirSync(at('scratch'))
  const second = view(confinement)
  first.release()
  expect(existsSync(at('work/.tool/settings.json'))).toBe(true)
  second.release()
  expect(readdirSync(at('work'))).toEqual(['a'])
})

test('a link below a writable directory may not lead out of it, and nothing is made when it does', () => {
  using place = scratch()
  const { at, view } = scene(place.path)
  symlinkSync(at('home'), at('work/link'))
  const absent = at('work/.absent')
  for (const path of [at('work/link'), at('work/link/.config'), at('work/link/new')]) {
    for (const confinement of [
      { writable: [at('work'), path] },
      { writable: [at('work')], readable: [absent, path] },
      { writable: [at('work')], hidden: [absent, path] },
    ]) {
      rmSync(at('scratch'), { recursive: true })
      mkdirSync(at('scratch'))
      expect(() => view(confinement)).toThrow(/leads out of/)
    }
  }
  expect(existsSync(at('work/.absent'))).toBe(false)
})

test.each(['relative', '/a/../b', '/a\0b', ''])('%j is no path for a sandbox', (path) => {
  using place = scratch()
  const { view } = scene(place.path)
  expect(() => view({ writable: [path] })).toThrow(/not a path a sandbox can be told/)
})

test.each(['/', '/proc', '/dev/shm', '/etc', '/usr', '/tmp'])('%s cannot be made writable', (path) => {
  using place = scratch()
  const { view } = scene(place.path)
  expect(() => view({ writable: [path] })).toThrow(/it is the system's/)
})

test.skipIf(process.platform !== 'linux')('a socket in sight is covered, one of the workspace is not', async () => {
  using place = scratch()
  const { at, view } = scene(place.path)
  mkdirSync(at('home/sockets'))
  const servers = [at('home/sockets/agent'), at('work/dev.sock')].map((path) => createServer().listen(path))
  await Promise.all(servers.map((server) => once(server, 'listening')))
  const seen = mounts(view({ writable: [at('work')] }, socketTable()))
  expect(seen).toContain(`--ro-bind ${at('home/sockets/agent')}`)
  expect(seen).not.toContain(`--ro-bind ${at('work/dev.sock')}`)
  for (const server of servers) server.close()
})
