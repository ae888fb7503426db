import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, test } from 'vitest'
import { FakeGithub } from '../../test/fixtures/fake-github.ts'
import { FakeClock } from '../testing/clock.ts'
import { githubRest } from './github-rest.ts'

const clock = new FakeClock()
const repository = 'acme/widgets'

test('a server that does not answer is given up after the time limit, three times over', async () => {
  await using github = await FakeGithub.start()
  const own = new FakeClock()
  github.fail(/widgets/, 'slow', { times: 9 })
  const failed = githubRest({ repository, apiUrl: github.url, token: github.token, clock: own }).defaultBranch()
  let going = true
  const settled = failed.catch(() => undefined).finally(() => (going = false))
  while (going) {
    own.step()
    await new Promise(setImmediate)
  }
  await settled
  await expect(failed).rejects.toMatchObject({ code: 'forge', message: 'GitHub cannot be reached: no answer for 30 s' })
  expect(own.next).toBeUndefined()
})

test('the token goes to no other host; a move on the same one is followed', async () => {
  await using github = await FakeGithub.start()
  const seen: string[] = []
  const other = createServer((request, response) => {
    seen.push(request.headers.authorization ?? 'none')
    response.end('{"default_branch":"evil"}')
  }).listen(0, '127.0.0.1')
  try {
    const forge = githubRest({ repository, apiUrl: github.url, token: github.token, clock })
    await new Promise((resolve) => other.once('listening', resolve))
    github.fail(/widgets$/, { redirect: `http://127.0.0.1:${(other.address() as AddressInfo).port}/x` })
    await expect(forge.defaultBranch()).rejects.toMatchObject({
      message: 'GitHub sends us elsewhere, and we do not follow',
    })
    expect(seen).toEqual([])
    github.fail(/old$/, { redirect: `${github.url}/repos/${repository}` })
    expect(
      await githubRest({ repository: 'acme/old', apiUrl: github.url, token: github.token, clock }).defaultBranch(),
    ).toBe('main')
    github.fail(/old$/, { redirect: `${github.url}/repos/acme/old` }, { times: 99 })
    await expect(
      githubRest({ repository: 'acme/old', apiUrl: github.url, token: github.token, clock }).defaultBranch(),
    ).rejects.toMatchObject({ code: 'forge' })
    expect(github.requests.length).toBeLessThan(10)
  } finally {
    other.close()
  }
})

test('an answer without end is cut off', async () => {
  await using github = await FakeGithub.start()
  github.fail(/widgets/, 'flood')
  const forge = githubRest({ repository, apiUrl: github.url, token: github.token, clock })
  await expect(forge.defaultBranch()).rejects.toMatchObject({ message: 'GitHub answered far more than we asked for' })
})

test('every request carries the token in a header, and nothing of it in the address', async () => {
  await using github = await FakeGithub.start()
  await githubRest({ repository, apiUrl: `${github.url}/api/v3/`, token: github.token, clock }).defaultBranch()
  expect(github.requests).toMatchObject([
    { method: 'GET', path: '/api/v3/repos/acme/widgets', authorization: `Bearer ${github.token}` },
  ])
})

test.each([
  'http://api.github.com',
  'http://127.evil.com',
  'http://127.0.0.1.evil.com',
  'ftp://api.github.com',
  'api.github.com',
  'https://user:pass@api.github.com',
  '',
  'file:///etc',
])('%s is no address of an API', (apiUrl) => {
  expect(() => githubRest({ repository, apiUrl, token: 'x', clock })).toThrow(/not the address of a GitHub API/)
})

test('a token with a line break is refused, and not shown', () => {
  const token = 'ghs_secret\r\nx-evil: 1'
  expect(() => githubRest({ repository, token, clock })).toThrow('the GitHub token holds characters that no token has')
})

test.each(['acme', 'acme/widgets/x', '../widgets', 'acme/..', '-x/y', 'a b/c', '{owner}/x', ''])(
  '%j is no repository',
  (bad) => {
    expect(() => githubRest({ repository: bad, token: 'x', clock })).toThrow(/not a repository/)
  },
)
