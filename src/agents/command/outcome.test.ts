import { expect, test } from 'vitest'
import { classify, resetIn } from './classify.ts'
import { decide, type Facts } from './outcome.ts'

const now = Date.parse('2026-11-21T08:00:00Z')
const ran: Facts['ran'] = { exitCode: 0, signal: null, stdout: '', stderr: '', timedOut: false, aborted: false }
const reading: Facts['reading'] = { text: 'done', chars: 4 }
const facts = (
  more: { ran?: Partial<Facts['ran']>; reading?: Partial<Facts['reading']> } & Partial<Omit<Facts, 'ran' | 'reading'>>,
): Facts => ({
  name: 'agent',
  now,
  ...more,
  ran: { ...ran, ...more.ran },
  reading: { ...reading, ...more.reading },
})

test('an exit code of 0 with an answer is done', () => {
  expect(decide(facts({}))).toEqual({ outcome: 'done' })
})

test('an exit code of 0 alone is not', () => {
  expect(decide(facts({ reading: { text: ' \n' } }))).toMatchObject({
    outcome: 'failed',
    message: 'agent: empty output',
  })
  expect(decide(facts({ reading: { complete: false } })).outcome).toBe('failed')
  expect(decide(facts({ reading: { denied: ['Write', 'Write'] } }))).toMatchObject({
    outcome: 'refused',
    message: expect.stringContaining('use Write; allow'),
  })
  expect(decide(facts({ reading: { error: { message: 'API Error: 500', status: 500 } } })).outcome).toBe('failed')
  expect(decide(facts({ ran: { aborted: true } })).outcome).toBe('killed')
})

test('a failure quotes at most 500 characters of stderr', () => {
  const { outcome, message } = decide(facts({ ran: { exitCode: 7, stderr: `${'x'.repeat(5000)} the end` } }))
  expect(outcome).toBe('failed')
  expect(message).toMatch(/^agent: exited 7: …x+ the end$/)
  expect(message?.length).toBeLessThan(530)
  expect(decide(facts({ ran: { exitCode: 7 } })).message).toBe('agent: exited 7')
})

test('a timeout says what was printed until then', () => {
  expect(
    decide(facts({ ran: { timedOut: true, exitCode: null, stdout: 'half', stderr: 'warn' }, timeoutMs: 1500 })),
  ).toEqual({
    outcome: 'timeout',
    message: 'agent timed out after 1.5s; stdout: half; stderr: warn',
  })
})

test('memory, signals, logins and limits are told apart', () => {
  const of = (stderr: string, exitCode = 1) => decide(facts({ ran: { exitCode, stderr }, login: 'run `x login`' }))
  expect(of('FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory', 134).outcome).toBe(
    'oom',
  )
  expect(of('Invalid API key · Please run /login')).toEqual({
    outcome: 'auth',
    message: 'agent: exited 1: Invalid API key · Please run /login (run `x login`)',
  })
  expect(of('error: 429 Too Many Requests, retry after 30 seconds')).toMatchObject({
    outcome: 'rate_limited',
    resetAt: now + 30_000,
  })
  expect(decide(facts({ ran: { exitCode: null, signal: 'SIGKILL' } }))).toMatchObject({
    outcome: 'killed',
    message: expect.stringContaining('SIGKILL'),
  })
})

test('what cannot be started says how to install it', () => {
  expect(
    decide(
      facts({
        ran: { exitCode: null, spawnError: 'command not found: claude', spawnReason: 'not_found' },
        install: 'npm i -g x',
      }),
    ),
  ).toEqual({ outcome: 'failed', message: 'agent: command not found: claude (install it: npm i -g x)' })
})

test('an agent that was through when we stopped it is done, one that was not is stopped', () => {
  const stopped = { outcome: 'failed', message: 'stopped by the budget' } as const
  const aborted = { aborted: true, exitCode: null, signal: 'SIGTERM' }
  expect(decide(facts({ stopped, ran: aborted, reading: { complete: true } })).outcome).toBe('done')
  expect(decide(facts({ stopped, ran: aborted }))).toEqual(stopped)
})

test.for([
  ['unexpected status 401 Unauthorized: scripted 401', undefined, 'auth'],
  ['whatever', 401, 'auth'],
  ['litellm.AuthenticationError: bad', undefined, 'auth'],
  ['OAuth token has expired', undefined, 'auth'],
  ['whatever', 429, 'rate_limited'],
  ["You've hit your session limit · resets 3pm", undefined, 'rate_limited'],
  ['5-hour limit reached', undefined, 'rate_limited'],
  ['quota has been exhausted', undefined, 'rate_limited'],
  ['litellm.RateLimitError: x', undefined, 'rate_limited'],
  ['context length limit exceeded', undefined, 'failed'],
  ['Reached maximum number of turns (1)', undefined, 'failed'],
  ['AssertionError: expected 401 to equal 200', undefined, 'failed'],
  ['test/rate.js:429 failed', undefined, 'failed'],
  ['We’re currently experiencing high demand', undefined, 'failed'],
] as const)('%s (%s) is %s', ([message, status, outcome]) => {
  expect(classify(message, status, now).outcome).toBe(outcome)
})

test.for([
  ['Claude AI usage limit reached|1795234897', 1_795_234_897_000],
  ['"resets_at": 1795234897', 1_795_234_897_000],
  ['try again in 5m30s', now + 330_000],
  ['Please try again in 1 day 2 hours 3 minutes.', now + 93_780_000],
  ['Retry-After: 12', now + 12_000],
  ['try again after 500ms', now + 500],
  ['limit resets 2026-11-21T10:00:00Z', Date.parse('2026-11-21T10:00:00Z')],
  ['resets 3pm', undefined],
  ['', undefined],
] as const)('%s ends at %s', ([message, at]) => {
  expect(resetIn(message, now)).toBe(at)
})

test('hostile error texts are read fast', () => {
  for (const part of [
    'in 1 s ',
    'quota',
    'hit your ',
    '429 ',
    'retry after ',
    '1',
    'limit reached|',
    '401 a',
    'FATAL ERROR: ',
  ]) {
    const started = performance.now()
    classify(part.repeat(1_000_000 / part.length), undefined, now)
    expect(performance.now() - started).toBeLessThan(5000)
  }
})
