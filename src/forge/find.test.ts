import { expect, test } from 'vitest'
import { installGh } from '../../test/fixtures/fake-gh.ts'
import { FakeGithub } from '../../test/fixtures/fake-github.ts'
import { scratch } from '../../test/fixtures/repo.ts'
import { commandRunner } from '../process/command.ts'
import { FakeClock } from '../testing/clock.ts'
import { type FindForgeOptions, findForge } from './find.ts'

const clock = new FakeClock()
const remote = 'git@github.com:acme/widgets.git'
const token = 'ghs_0000000000000000000000'

async function find(options: Partial<FindForgeOptions>) {
  const found = await findForge({ cwd: '/', clock, remote, ...options })
  return 'why' in found ? found.why : `${found.by} ${found.host} ${found.forge.repository}`
}

test('gh is taken when it is installed and logged in', async () => {
  await using github = await FakeGithub.start()
  using folder = scratch()
  const run = commandRunner(installGh(folder.path, github).env)
  expect(await find({ run, token })).toBe('gh github.com acme/widgets')
  const found = await findForge({ cwd: folder.path, clock, remote, run })
  expect('forge' in found && (await found.forge.defaultBranch())).toBe('main')
  expect(await find({ run, apiUrl: 'https://api.github.com/' })).toBe('gh github.com acme/widgets')
})

test('without it, or its login, the token is', async () => {
  await using github = await FakeGithub.start()
  using folder = scratch()
  const loggedOut = commandRunner(installGh(folder.path, github, '').env)
  const missing = commandRunner({ PATH: '/nonexistent' })
  expect(await find({ run: loggedOut, token })).toBe('token github.com acme/widgets')
  expect(await find({ run: missing, token })).toBe('token github.com acme/widgets')
  expect(await find({ token })).toBe('token github.com acme/widgets')
  expect(await find({ run: loggedOut })).toBe(
    'gh is not logged in to github.com, and there is no GITHUB_TOKEN or GH_TOKEN',
  )
  expect(await find({ run: missing })).toBe('gh is not installed, and there is no GITHUB_TOKEN or GH_TOKEN')
  expect(await find({ token: '' })).toBe('there is no GITHUB_TOKEN or GH_TOKEN')
})

test('an API that the user names is asked with the token, not by gh', async () => {
  await using github = await FakeGithub.start()
  const found = await findForge({ cwd: '/', clock, remote, apiUrl: github.url, token: github.token, run: neverRun })
  expect('forge' in found && (await found.forge.defaultBranch())).toBe('main')
})

test('a host that only the remote names gets neither token nor gh', async () => {
  const evil = 'https://github.evil.example/acme/widgets'
  const why = 'the remote is at github.evil.example, which nobody said is GitHub: GH_HOST or GITHUB_API_URL does'
  expect(await find({ remote: evil, token, run: neverRun })).toBe(why)
  expect(await find({ remote: 'https://github.com.evil.example/acme/widgets', token })).toMatch(/nobody said/)
  expect(await find({ remote: 'https://api.github.com/acme/widgets', token })).toMatch(/nobody said/)
})

test('one that the user names does', async () => {
  const enterprise = 'git@github.example.com:acme/widgets.git'
  const named = 'token github.example.com acme/widgets'
  expect(await find({ remote: enterprise, token, hosts: ['github.example.com'] })).toBe(named)
  expect(await find({ remote: enterprise, token, hosts: [undefined, 'https://github.example.com/'] })).toBe(named)
  expect(await find({ remote: enterprise, token, apiUrl: 'https://github.example.com/api/v3' })).toBe(named)
  expect(await find({ remote: 'git@acme.ghe.com:acme/widgets', token, hosts: ['acme.ghe.com'] })).toBe(
    'token acme.ghe.com acme/widgets',
  )
})

test('the repository of the environment counts where the remote names none, and only there', async () => {
  expect(await find({ remote: undefined, repository: 'acme/other', token })).toBe('token github.com acme/other')
  expect(await find({ remote: 'file:///srv/x.git', repository: 'acme/other', token })).toBe(
    'token github.com acme/other',
  )
  expect(await find({ repository: 'acme/other', token })).toBe('token github.com acme/widgets')
  expect(await find({ remote: 'git@evil.example:acme/widgets', repository: 'acme/other', token })).toMatch(
    /nobody said/,
  )
  const odd = find({ remote: undefined, repository: 'https://github.com/a/b' })
  await expect(odd).rejects.toMatchObject({ code: 'bad_input' })
})

test('no remote, and one that is no repository there, are said', async () => {
  expect(await find({ remote: undefined, token })).toBe('the repository has no remote')
  expect(await find({ remote: '/srv/git/widgets.git', token })).toBe('the remote is no repository on GitHub')
  expect(await find({ remote: 'ext::sh -c id', token })).toBe('the remote is no repository on GitHub')
})

const neverRun = () => Promise.reject(new Error('gh was asked'))
