import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { scratch } from '../../../test/fixtures/repo.ts'
import { srtSettings } from './srt.ts'

test('srt is told what may be read, written and reached', () => {
  using place = scratch()
  const at = (path: string) => join(place.path, path)
  for (const path of ['work/.git', 'state', 'repo', 'home/.ssh', 'home/.agent', 'home/.codex']) {
    mkdirSync(at(path), { recursive: true })
  }
  writeFileSync(at('home/.npmrc'), '')
  const settings = srtSettings(
    {
      writable: [at('work'), at('home/.codex')],
      readable: [at('repo')],
      hidden: [at('state')],
      network: ['api.example.com', '*.example.org', 'git.example.com:8443'],
      env: [],
    },
    [at('home')],
  )
  expect(settings).toEqual({
    network: {
      allowedDomains: [
        'api.example.com:443',
        'api.example.com:80',
        '*.example.org:443',
        '*.example.org:80',
        'git.example.com:8443',
      ],
      deniedDomains: [],
      allowLocalBinding: false,
    },
    filesystem: {
      denyRead: [at('state'), at('home/.ssh'), at('home/.npmrc')],
      allowRead: [at('repo'), at('work'), at('home/.codex')],
      allowWrite: [at('work'), at('home/.codex')],
      denyWrite: [at('repo'), at('state'), at('work/.git')],
    },
  })
})

test('what srt cannot keep is refused', () => {
  const confinement = { writable: [], readable: [], hidden: [], env: [] }
  expect(() => srtSettings({ ...confinement, network: 'open' }, [])).toThrow(/cannot leave the network open/)
  expect(() => srtSettings({ ...confinement, network: ['http://x'] }, [])).toThrow(/not a host/)
  expect(() => srtSettings({ ...confinement, network: 'none', writable: ['x'] }, [])).toThrow(/not a path/)
})
