import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parseRemote } from './remote.ts'

const widgets = { host: 'github.com', owner: 'acme', name: 'widgets' }

test.each([
  'https://github.com/acme/widgets.git',
  'https://github.com/acme/widgets',
  'https://github.com/acme/widgets/',
  'https://GitHub.com/acme/widgets',
  'https://www.github.com/acme/widgets',
  'https://user:ghp_secret@github.com/acme/widgets.git',
  'http://github.com/acme/widgets',
  'git@github.com:acme/widgets.git',
  'git@github.com:/acme/widgets',
  'github.com:acme/widgets',
  'org-123@github.com:acme/widgets.git',
  'ssh://git@github.com/acme/widgets.git',
  'ssh://git@ssh.github.com:443/acme/widgets.git',
  'git+ssh://git@github.com/acme/widgets',
  'git://github.com/acme/widgets.git',
])('%s is acme/widgets on github.com', (url) => {
  expect(parseRemote(url)).toEqual(widgets)
})

test('an enterprise’s host is kept, with the port of its web server', () => {
  expect(parseRemote('git@github.example.com:acme/widgets.js.git')).toEqual({
    host: 'github.example.com',
    owner: 'acme',
    name: 'widgets.js',
  })
  expect(parseRemote('https://github.example.com:8443/acme/widgets')?.host).toBe('github.example.com:8443')
  expect(parseRemote('ssh://git@github.example.com:2222/acme/widgets')?.host).toBe('github.example.com')
})

test.each([
  '',
  '/srv/git/widgets.git',
  '../widgets',
  'file:///srv/widgets.git',
  'C:/git/widgets',
  'ext::sh -c id',
  'git@github.com:acme',
  'git@github.com:acme/a/b',
  'https://github.com/acme',
  'https://github.com/acme/widgets/tree/main',
  'https://github.com/acme/widgets?x=1',
  'https://github.com/acme/..',
  'https://github.com/../widgets',
  'https://github.com/acme/%2e%2e',
  'https://github.com/-x/widgets',
  '-oProxyCommand=id:acme/widgets',
  'git@-oProxyCommand=id:acme/widgets',
  'git@github.com:-x/widgets',
  'ssh://-oProxyCommand=id/acme/widgets',
  'https://github.com\u0000.evil.com/acme/widgets',
  'https://github.com/acme/wid gets',
  'https://github.com/acme/widgets\n',
  'https://gith\u0131b.com/acme/widgets',
  'git@github.com:acme/{owner}',
  'git@github.com:acme/$(id)',
  `https://github.com/acme/${'x'.repeat(3000)}`,
])('%j is no repository of a forge', (url) => {
  expect(parseRemote(url)).toBeUndefined()
})

test('whatever the remote, its parts can stand in an address as they are', () => {
  const near = fc.tuple(
    fc.constantFrom('https://', 'ssh://git@', 'git@', ''),
    fc.string(),
    fc.constantFrom('/', ':'),
    fc.string(),
    fc.string(),
  )
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        near.map(([a, b, c, d, e]) => `${a}${b}${c}${d}/${e}`),
      ),
      (url) => {
        const found = parseRemote(url)
        if (found === undefined) return
        expect(`${found.owner}/${found.name}`).toMatch(/^[A-Za-z0-9][A-Za-z0-9_-]*\/[A-Za-z0-9._-]+$/)
        expect(found.name).not.toMatch(/^\.{1,2}$/)
      },
    ),
  )
})
