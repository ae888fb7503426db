import { expect, test } from 'vitest'
import { classify } from './classify.ts'
import { decide, type Facts } from './outcome.ts'

const now = Date.parse('2026-11-21T08:00:00Z')
const ran: Facts['ran'] = {
  exitCode: 0,
  signal: null,
  stdout: '',
  stderr: '',
  timedOut: false,
  aborted: false,
  stalled: false,
  flooded: false,
}
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

test('a hang is told from a timeout, and what it was waiting for is the reason', () => {
  const stalled = { stalled: true, exitCode: null, signal: 'SIGTERM' }
  expect(decide(facts({ ran: { ...stalled, stderr: 'log' }, stallMs: 30_000 }))).toEqual({
    outcome: 'stalled',
    message: 'agent neither printed nor worked for 30s; stderr: log',
  })
  const trouble = (message: string, status?: number) =>
    decide(
      facts({
        ran: stalled,
        stallMs: 1000,
        reading: { complete: false, trouble: { message, ...(status === undefined ? {} : { status }) } },
        login: 'run `x login`',
      }),
    )
  expect(trouble('scripted 500', 500)).toEqual({
    outcome: 'stalled',
    message: 'agent neither printed nor worked for 1s: scripted 500',
  })
  expect(trouble('authentication_failed', 401)).toEqual({
    outcome: 'auth',
    message: 'agent neither printed nor worked for 1s: authentication_failed (run `x login`)',
  })
  expect(trouble('retry after 20 seconds', 429)).toMatchObject({ outcome: 'rate_limited', resetAt: now + 20_000 })
  const timed = { timedOut: true, exitCode: null, signal: 'SIGTERM' }
  expect(
    decide(facts({ ran: timed, timeoutMs: 1000, trouble: { message: 'the model API answered 429', status: 429 } }))
      .outcome,
  ).toBe('rate_limited')
})

test('an agent that was through and only did not exit is done; a person’s stop is a stop', () => {
  for (const how of [{ stalled: true }, { timedOut: true }]) {
    const ran = { ...how, exitCode: 0 }
    expect(decide(facts({ ran, reading: { complete: true } })).outcome).toBe('done')
    expect(decide(facts({ ran })).outcome).not.toBe('done')
  }
  expect(decide(facts({ ran: { aborted: true }, reading: { complete: true } })).outcome).toBe('killed')
})

test('a flood and memory that ran out are told apart, each by its evidence', () => {
  expect(decide(facts({ ran: { flooded: true, exitCode: null, signal: 'SIGKILL' } })).outcome).toBe('flood')
  const oom = { evidence: 'oom_kill 1 in memory.events' }
  expect(decide(facts({ ran: { oom, exitCode: null, signal: 'SIGKILL' } }))).toEqual({
    outcome: 'oom',
    message: 'agent ran out of memory: oom_kill 1 in memory.events',
  })
  // Memory ran out for something it started, and it went on and came through.
  expect(decide(facts({ ran: { oom } })).outcome).toBe('done')
  // Its answer, or the file it read, speaks of memory: that is no sign of its own.
  const speaks = { stdout: '{"text":"JavaScript heap out of memory"}', exitCode: 1 }
  expect(decide(facts({ ran: speaks, reading: { complete: false } })).outcome).toBe('failed')
})

test('a program that says by its exit code which signal ended it was ended by it', () => {
  for (const [exitCode, signal] of [
    [143, 'SIGTERM'],
    [130, 'SIGINT'],
    [137, 'SIGKILL'],
  ] as const) {
    expect(decide(facts({ ran: { exitCode } }))).toMatchObject({
      outcome: 'killed',
      message: expect.stringContaining(`ended by ${signal}`),
    })
  }
})

test('advice says what to do, and gives the outcome where the words give none', () => {
  const advice = [
    { exit: 145, outcome: 'auth', tell: 'the key was refused' },
    { exit: 55, tell: 'trust the directory' },
    { says: /as root/, tell: 'be somebody else' },
  ] as const
  const of = (exitCode: number, stderr = '') =>
    decide(facts({ ran: { exitCode, stderr }, reading: { complete: false }, advice, login: 'log in' }))
  expect(of(145)).toEqual({ outcome: 'auth', message: 'agent: exited 145 (the key was refused; log in)' })
  expect(of(55)).toEqual({ outcome: 'failed', message: 'agent: exited 55 (trust the directory)' })
  expect(of(1, 'not as root')).toEqual({
    outcome: 'failed',
    message: 'agent: exited 1: not as root (be somebody else)',
  })
})

test('an answer that talks about limits, logins and memory is an answer', () => {
  const text = 'Error: 429 Too Many Requests, rate limit reached; 401 Unauthorized; heap out of memory; please log in'
  expect(decide(facts({ reading: { text }, ran: { stdout: text } }))).toEqual({ outcome: 'done' })
  // And in a stream that fails for another reason it is not the reason.
  const stream = { exitCode: 1, stdout: `{"text":"${text}"}`, stderr: 'cannot open the database' }
  expect(decide(facts({ reading: { complete: false }, ran: stream })).outcome).toBe('failed')
  expect(decide(facts({ reading: { complete: false }, ran: { ...stream, stderr: '' } })).outcome).toBe('failed')
})

test.for([
  ['unexpected status 401 Unauthorized: scripted 401', undefined, 'auth'],
  ['whatever', 401, 'auth'],
  ['whatever', 403, 'auth'],
  ['litellm.AuthenticationError: bad', undefined, 'auth'],
  ['OAuth token has expired', undefined, 'auth'],
  [
    '[API Error: {"type":"error","error":{"message":"scripted 401","code":401,"status":"UNAUTHENTICATED"}}]',
    undefined,
    'auth',
  ],
  ['Internal error: "Unauthorized (401) from http://127.0.0.1:8787/v1/chat/completions"', undefined, 'auth'],
  ['401 scripted 401', undefined, 'auth'],
  ['API Error: 403 {"error":{"type":"permission_error"}}', undefined, 'auth'],
  ['API key not valid. Please pass a valid API key.', undefined, 'auth'],
  ['whatever', 429, 'rate_limited'],
  ['You have exceeded a secondary rate limit', 403, 'rate_limited'],
  ["You've hit your session limit · resets 3pm", undefined, 'rate_limited'],
  ['5-hour limit reached', undefined, 'rate_limited'],
  ['quota has been exhausted', undefined, 'rate_limited'],
  ['litellm.RateLimitError: x', undefined, 'rate_limited'],
  ['429 {"type":"error","error":{"type":"rate_limit_error"}}', undefined, 'rate_limited'],
  ['{"error":{"code":429,"status":"RESOURCE_EXHAUSTED"}}', undefined, 'rate_limited'],
  ["You're out of extra usage", undefined, 'rate_limited'],
  // Of an account without money a person has to take care: waiting would be for ever.
  ['Credit balance is too low', undefined, 'auth'],
  ['You exceeded your current quota, please check your plan and billing details. insufficient_quota', 429, 'auth'],
  ['Payment Required', 402, 'auth'],
  ['Quota exceeded. Please retry in 34.07s. Check your plan and billing details.', 429, 'rate_limited'],
  ['Error: spawn ENOMEM', undefined, 'oom'],
  ['Error: JavaScript heap out of memory', undefined, 'oom'],
  ['failed to fork: Cannot allocate memory (os error 12)', undefined, 'oom'],
  ['AssertionError: expected MemoryError', undefined, 'failed'],
  ['context length limit exceeded', undefined, 'failed'],
  ['Reached maximum number of turns (1)', undefined, 'failed'],
  ['AssertionError: expected 401 to equal 200', undefined, 'failed'],
  ['test/rate.js:429 failed', undefined, 'failed'],
  ['npm error 403 Forbidden - PUT https://registry.example.com/x', undefined, 'failed'],
  ['remote: Permission to a/b.git denied. fatal: error 403', undefined, 'failed'],
  ['We’re currently experiencing high demand', undefined, 'failed'],
  ['API Error: 529 overloaded_error', undefined, 'failed'],
] as const)('%s (%s) is %s', ([message, status, outcome]) => {
  expect(classify(message, status, now).outcome).toBe(outcome)
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
    'resets at ',
    'again ',
    'resets Oct ',
    '429 2026-11-21 ',
    'please run ',
  ]) {
    const started = performance.now()
    classify(part.repeat(1_000_000 / part.length), undefined, now)
    expect(performance.now() - started).toBeLessThan(5000)
  }
})

test('a reset that an agent cannot mean does not put a run to sleep for years, nor for no time', () => {
  const limit = (resetAt: number, message = 'usage limit') =>
    decide(facts({ ran: { exitCode: 1 }, reading: { error: { message, status: 429, resetAt } } }))
  expect(limit(now + 3_600_000).resetAt).toBe(now + 3_600_000)
  for (const at of [0, -5, now - 1, now + 63 * 86_400_000, 99_999_999_999_000, Number.NaN, Number.POSITIVE_INFINITY]) {
    expect(limit(at)).toMatchObject({ outcome: 'rate_limited' })
    expect(limit(at)).not.toHaveProperty('resetAt')
    expect(limit(at, 'usage limit, retry after 20 seconds').resetAt).toBe(now + 20_000)
  }
})
