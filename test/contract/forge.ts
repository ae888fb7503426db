import { describe, expect, test } from 'vitest'
import type { Forge } from '../../src/core/triage/ports.ts'
import { FakeClock } from '../../src/testing/clock.ts'
import { FakeGithub, limited } from '../fixtures/fake-github.ts'

export interface ForgeWorld {
  readonly github: FakeGithub
  readonly clock: FakeClock
  readonly signal: AbortSignal
}

/** Makes a forge that talks to a GitHub of a test; `token` when another one than the right one. */
export type OpenForge = (world: ForgeWorld, options?: { readonly token?: string }) => Forge

const refused = (status: number, message: RegExp) =>
  expect.objectContaining({
    code: 'forge',
    message: expect.stringMatching(message),
    data: expect.objectContaining({ status }),
  })

/** Lets every pause pass at once, as soon as it begins. */
function hurry(clock: FakeClock): Disposable {
  let on = true
  const turn = () => {
    // A request's own time limit is the longer timer: only pauses between tries are this short.
    if (clock.next !== undefined && clock.next - clock.now() < 5000) clock.step()
    if (on) setImmediate(turn)
  }
  turn()
  return {
    [Symbol.dispose]() {
      on = false
    },
  }
}

/** What every Forge must do. */
export function forgeContract(name: string, open: OpenForge): void {
  const start = async (options?: { readonly token?: string }) => {
    const github = await FakeGithub.start()
    const clock = new FakeClock()
    const ended = new AbortController()
    const forge = open({ github, clock, signal: ended.signal }, options)
    return { github, clock, forge, ended, [Symbol.asyncDispose]: () => github[Symbol.asyncDispose]() }
  }

  describe(`${name}: reading`, () => {
    test('issues are the open ones, newest first, without pull requests', async () => {
      await using w = await start()
      w.github.addIssue({
        title: 'old',
        updatedAt: '2026-01-01T00:00:00Z',
        labels: ['bug'],
        author: 'ada',
        body: 'text',
      })
      w.github.addIssue({ title: 'shut', state: 'closed' })
      w.github.addPull()
      w.github.addIssue({ title: 'new', updatedAt: '2026-02-01T00:00:00Z', body: null, author: '' })
      expect(await w.forge.issues()).toEqual([
        {
          number: 4,
          title: 'new',
          body: '',
          url: 'https://github.com/acme/widgets/issues/4',
          author: 'ghost',
          labels: [],
          updatedAt: Date.parse('2026-02-01T00:00:00Z'),
        },
        expect.objectContaining({ number: 1, title: 'old', body: 'text', author: 'ada', labels: ['bug'] }),
      ])
      expect(w.forge.repository).toBe('acme/widgets')
    })

    test('a label is found on any open issue or pull request by one request', async () => {
      await using w = await start()
      for (let i = 0; i < 600; i++) w.github.addIssue({ labels: ['bug'] })
      w.github.addIssue({ labels: ['stop'], state: 'closed' })
      expect(await w.forge.labelled('stop')).toBe(false)
      const pull = w.github.addPull({}, { labels: ['other', 'Stop'], updatedAt: '2020-01-01T00:00:00Z' })
      w.github.requests.length = 0
      expect(await w.forge.labelled('stop')).toBe(true)
      expect(w.github.requests).toHaveLength(1)
      pull.labels = []
      w.github.addIssue({ labels: ['stop'] })
      expect(await w.forge.labelled('stop')).toBe(true)
      w.github.fail(/labels=/, { status: 200, body: { message: 'no list' } })
      await expect(w.forge.labelled('stop')).rejects.toMatchObject({ code: 'forge' })
    })

    test('pages are read to their end, and of ten thousand issues only the newest five hundred', async () => {
      await using w = await start()
      for (let i = 0; i < 250; i++) w.github.addIssue()
      expect(await w.forge.issues()).toHaveLength(250)
      for (let i = 0; i < 9750; i++) w.github.addIssue()
      w.github.requests.length = 0
      expect(await w.forge.issues()).toHaveLength(500)
      expect(w.github.requests).toHaveLength(5)
    })

    test('text from outside is plain and bounded', async () => {
      await using w = await start()
      w.github.addIssue({
        title: `a\u202Eb\u001B[31mc\nd${'x'.repeat(1000)}`,
        body: `\u0000${'y'.repeat(1_000_000)}`,
        labels: Array.from({ length: 500 }, (_, i) => `l${i}`),
      })
      const [issue] = await w.forge.issues()
      expect(issue?.title).toMatch(/^abc dx+…$/)
      expect(issue?.title.length).toBeLessThanOrEqual(250)
      expect(issue?.body.length).toBeLessThan(20_100)
      expect(issue?.labels).toHaveLength(50)
    })

    test('what does not look like an issue is passed over', async () => {
      await using w = await start()
      w.github.fail(/issues/, {
        status: 200,
        body: [null, 3, { number: -1 }, { number: 7, title: 'x', html_url: 'javascript:1' }],
      })
      expect(await w.forge.issues()).toEqual([
        expect.objectContaining({ number: 7, url: '', author: 'ghost', updatedAt: 0 }),
      ])
    })

    test('pull requests have branch, base, head and draft; a fork’s branch cannot be taken for ours', async () => {
      await using w = await start()
      w.github.addPull({ branch: 'loopwright/run-1', draft: true, head: 'c'.repeat(40) })
      w.github.addPull({ branch: 'loopwright/run-1', from: 'mallory/widgets' })
      w.github.addPull({ branch: 'main', from: null })
      const pulls = await w.forge.pulls()
      expect(pulls.map(({ branch }) => branch).toSorted()).toEqual([
        'loopwright/run-1',
        'mallory:loopwright/run-1',
        'unknown:main',
      ])
      expect(pulls.find(({ branch }) => branch === 'loopwright/run-1')).toMatchObject({
        base: 'main',
        draft: true,
        head: 'c'.repeat(40),
        url: 'https://github.com/acme/widgets/pull/1',
      })
    })

    test('CI runs are the newest of each workflow, of the default branch and of open pull requests', async () => {
      await using w = await start()
      w.github.defaultBranch = 'trunk'
      const pull = w.github.addPull({ branch: 'topic', head: 'd'.repeat(40) })
      w.github.addRun({ branch: 'trunk', conclusion: 'failure' })
      w.github.addRun({ branch: 'trunk', conclusion: 'success' })
      w.github.addRun({ branch: 'trunk', workflowId: 2, name: 'lint', conclusion: 'timed_out' })
      w.github.addRun({ branch: 'topic', head: pull.pull?.head ?? '', event: 'pull_request', status: 'in_progress' })
      w.github.addRun({ branch: 'gone', conclusion: 'failure' })
      const runs = await w.forge.ciRuns()
      expect(runs.map(({ workflow, branch, conclusion }) => [workflow, branch, conclusion])).toEqual([
        ['test', 'topic', 'running'],
        ['lint', 'trunk', 'failure'],
        ['test', 'trunk', 'success'],
      ])
    })

    test('a run of a fork, or of a pull request from the default branch, says nothing about the default branch', async () => {
      await using w = await start()
      w.github.addRun({ branch: 'main', conclusion: 'success' })
      w.github.addRun({ branch: 'main', from: 'mallory/widgets', conclusion: 'failure', event: 'push' })
      w.github.addRun({ branch: 'main', event: 'pull_request', conclusion: 'failure' })
      expect((await w.forge.ciRuns()).map(({ branch, conclusion }) => [branch, conclusion])).toEqual([
        ['main', 'success'],
      ])
    })

    test('comments, review comments and reviews come together, oldest first', async () => {
      await using w = await start()
      const { number } = w.github.addPull()
      w.github.addComment(number, { body: 'third', createdAt: '2026-01-03T00:00:00Z' })
      w.github.addComment(number, { body: 'first', createdAt: '2026-01-01T00:00:00Z', path: 'src/a.ts', line: 7 })
      w.github.addComment(number, {
        body: 'second',
        createdAt: '2026-01-02T00:00:00Z',
        review: 'CHANGES_REQUESTED',
        author: null,
      })
      w.github.addComment(number, { body: '', review: 'APPROVED' })
      const comments = await w.forge.comments(number)
      expect(comments.map(({ body, author }) => [body, author])).toEqual([
        ['first', 'ada'],
        ['second', 'ghost'],
        ['third', 'ada'],
      ])
      expect(comments[0]).toMatchObject({ path: 'src/a.ts', line: 7, createdAt: Date.parse('2026-01-01T00:00:00Z') })
    })

    test('of very many comments the newest are kept', async () => {
      await using w = await start()
      const { number } = w.github.addIssue()
      for (let i = 0; i < 730; i++) {
        w.github.addComment(number, {
          body: `c${i}`,
          createdAt: new Date(Date.UTC(2026, 0, 1) + i * 1000).toISOString(),
        })
      }
      const comments = await w.forge.comments(number)
      expect(comments.at(-1)?.body).toBe('c729')
      expect(comments[0]?.body).toBe('c300')
    })

    test('a user’s permission is the role; nobody known, or no name at all, is none', async () => {
      await using w = await start()
      w.github.permissions = {
        ada: 'admin',
        bob: 'maintain',
        cy: 'triage',
        dee: 'read',
        'bot[bot]': 'write',
        eve: 'our-role',
      }
      const ask = (user: string) => w.forge.permission(user)
      expect(await Promise.all(['ada', 'bob', 'cy', 'dee', 'bot[bot]', 'nobody'].map(ask))).toEqual([
        'admin',
        'write',
        'triage',
        'read',
        'write',
        'none',
      ])
      expect(await ask('eve')).toBe('none')
      w.github.requests.length = 0
      expect(await Promise.all(['', '../../x', 'a b', '-rf', '{owner}'].map(ask))).toEqual(Array(5).fill('none'))
      expect(w.github.requests).toEqual([])
    })

    test('the default branch is what the repository says', async () => {
      await using w = await start()
      w.github.defaultBranch = 'develop'
      expect(await w.forge.defaultBranch()).toBe('develop')
    })
  })

  describe(`${name}: writing`, () => {
    const request = { branch: 'loopwright/run-1', base: 'main', title: 'Fix it', body: 'Because.', labels: ['loop'] }

    test('a pull request is opened once; asked again, the open one is found', async () => {
      await using w = await start()
      const made = await w.forge.openPull(request)
      expect(made).toEqual({ number: 1, url: 'https://github.com/acme/widgets/pull/1' })
      expect(await w.forge.openPull(request)).toEqual(made)
      expect(w.github.issues).toEqual([
        expect.objectContaining({
          title: 'Fix it',
          body: 'Because.',
          labels: ['loop'],
          pull: expect.objectContaining({ base: 'main' }),
        }),
      ])
    })

    test('one that somebody else opened meanwhile is found, and one from a fork is not ours', async () => {
      await using w = await start()
      w.github.addPull({ branch: request.branch, from: 'mallory/widgets' })
      const ours = w.github.addPull({ branch: request.branch })
      w.github.fail(/pulls\?/, { status: 200, body: [] })
      expect((await w.forge.openPull(request)).number).toBe(ours.number)
      expect(w.github.issues).toHaveLength(2)
    })

    test('a pull request whose answer was lost is found', async () => {
      await using w = await start()
      const ours = w.github.addPull({ branch: request.branch })
      w.github.fail(/pulls\?/, { status: 200, body: [] })
      w.github.fail(/pulls$/, { status: 502 }, { method: 'POST' })
      expect((await w.forge.openPull(request)).number).toBe(ours.number)
    })

    test('labels that cannot be set do not lose the pull request', async () => {
      await using w = await start()
      w.github.fail(/labels/, { status: 403 })
      expect((await w.forge.openPull(request)).number).toBe(1)
    })

    test('odd branch names are refused before anything is asked', async () => {
      await using w = await start()
      for (const branch of ['', '-x', 'a..b', 'mallory:main', 'a b', 'x/', '{branch}', 'a\nb', 'x.lock/../y']) {
        await expect(w.forge.openPull({ ...request, branch })).rejects.toMatchObject({ code: 'bad_input' })
      }
      expect(w.github.requests).toEqual([])
    })

    test('a comment is written once, whatever its text', async () => {
      await using w = await start()
      const { number } = w.github.addIssue()
      const body = '@ {owner} $(id) `x`\n“é” \\ "'
      await w.forge.comment(number, body)
      expect(w.github.comments.map((one) => one.body)).toEqual([body])
      for (const bad of [0, -1, 1.5, Number.NaN]) {
        await expect(w.forge.comment(bad, 'x')).rejects.toMatchObject({ code: 'bad_input' })
      }
    })

    test('a write that fails is not tried again', async () => {
      await using w = await start()
      const { number } = w.github.addIssue()
      w.github.fail(/comments/, { status: 500 })
      await expect(w.forge.comment(number, 'x')).rejects.toEqual(refused(500, /answered 500/))
      expect(w.github.requests).toHaveLength(1)
    })

    test('a token that may only read is told so, with what it needs', async () => {
      await using w = await start()
      w.github.mayWrite = false
      const failed = w.forge.openPull(request)
      await expect(failed).rejects.toEqual(refused(403, /does not allow this: Resource not accessible/))
      await expect(failed).rejects.toMatchObject({ hint: expect.stringContaining('pull requests') })
    })
  })

  describe(`${name}: when it goes wrong`, () => {
    test('a token that is not accepted is said, and not shown', async () => {
      await using w = await start({ token: 'ghs_wrongwrongwrongwrongwrong' })
      const failed = w.forge.issues()
      await expect(failed).rejects.toEqual(refused(401, /does not accept the token: Bad credentials/))
      await expect(failed.catch(String)).resolves.not.toContain('ghs_')
    })

    test('a limit on requests says when it ends, and is not run against', async () => {
      await using w = await start()
      w.github.fail(/issues/, limited(90))
      const until = w.clock.now() + 90_000
      await expect(w.forge.issues()).rejects.toMatchObject({
        message: `GitHub takes no more requests until ${new Date(until).toISOString().slice(0, 19)}Z: API rate limit exceeded`,
        data: { status: 403, retryAt: until },
      })
      w.github.fail(/issues/, { status: 429, headers: { 'x-ratelimit-reset': String(until / 1000) } })
      await expect(w.forge.issues()).rejects.toMatchObject({ data: { status: 429, retryAt: until } })
      w.github.fail(/issues/, { status: 429, headers: { 'retry-after': '-9e99' } })
      await expect(w.forge.issues()).rejects.toMatchObject({ message: expect.stringContaining('for now') })
      expect(w.github.requests).toHaveLength(3)
    })

    test('what is not there is said', async () => {
      await using w = await start()
      w.github.fail(/widgets$/, { status: 404 })
      await expect(w.forge.defaultBranch()).rejects.toEqual(refused(404, /no such thing, or the token may not see it/))
      await expect(w.forge.comments(99)).rejects.toEqual(refused(404, /no such thing/))
    })

    test('a server that fails is asked again twice, after a pause', async () => {
      await using w = await start()
      using _ = hurry(w.clock)
      w.github.addIssue()
      w.github.fail(/issues/, { status: 503 }, { times: 2 })
      expect(await w.forge.issues()).toHaveLength(1)
      w.github.fail(/issues/, { status: 500 }, { times: 9 })
      await expect(w.forge.issues()).rejects.toEqual(refused(500, /answered 500/))
      expect(w.github.requests).toHaveLength(6)
    })

    test('a connection that breaks is tried again, then told', async () => {
      await using w = await start()
      using _ = hurry(w.clock)
      w.github.fail(/issues/, 'drop', { times: 9 })
      await expect(w.forge.issues()).rejects.toEqual(refused(0, /cannot be reached/))
      expect(w.github.requests.length).toBeGreaterThanOrEqual(3)
    })

    test('an answer that is no JSON, or no list, is told', async () => {
      await using w = await start()
      w.github.fail(/issues/, 'garbage')
      await expect(w.forge.issues()).rejects.toEqual(refused(200, /no JSON/))
      w.github.fail(/issues/, { status: 200, body: { a: 1 } })
      await expect(w.forge.issues()).rejects.toEqual(refused(200, /no list/))
    })

    test('a pause ends when it is called off', async () => {
      await using w = await start()
      w.github.fail(/issues/, { status: 503 }, { times: 9 })
      const failed = w.forge.issues()
      await expect.poll(() => w.github.requests.length).toBe(1)
      w.ended.abort(new Error('called off'))
      await expect(failed).rejects.toThrow('called off')
    })

    test('a request ends when it is called off', async () => {
      await using w = await start()
      w.github.fail(/issues/, 'slow')
      const failed = w.forge.issues()
      await expect.poll(() => w.github.requests.length).toBe(1)
      w.ended.abort(new Error('called off'))
      await expect(failed).rejects.toThrow('called off')
    })
  })
}
