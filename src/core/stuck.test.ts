import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Action, isPolling, type Repetition, Stuck } from './stuck.ts'

const does = (name: string, input = '', result = 'same'): Action => ({ name, input, result })
const seen = (actions: readonly Action[]): (Repetition | undefined)[] => {
  const stuck = new Stuck()
  return actions.map((action) => stuck.see(action))
}
const stopAt = (actions: readonly Action[]) => seen(actions).findIndex((each) => each?.stop === true) + 1
const warnAt = (actions: readonly Action[]) => seen(actions).findIndex((each) => each !== undefined) + 1
const times = (count: number, ...round: readonly Action[]) => Array.from({ length: count }, () => round).flat()

const read = (file: string, result = file) => does('Read', JSON.stringify({ file_path: file }), result)
const edit = (to: string) => does('Edit', JSON.stringify({ file_path: 'a.ts', new_string: to }), 'ok')
const bash = (command: string, result = 'same') => does('Bash', JSON.stringify({ command }), result)

test('one action is warned of at the third time, once, and stopped at the fifth', () => {
  const answers = seen(times(6, does('Read', 'a.txt')))
  expect(answers.map((each) => each?.times)).toEqual([undefined, undefined, 3, undefined, 5, 6])
  expect(answers.map((each) => each?.stop)).toEqual([undefined, undefined, false, undefined, true, true])
  expect(answers[4]?.text).toBe('did the same 5 times with the same result: Read a.txt')
})

test('rounds of two and three are found, at their third and fifth time', () => {
  const two = times(5, read('a'), read('b'))
  expect([warnAt(two), stopAt(two)]).toEqual([6, 10])
  const three = times(5, read('a'), read('b'), bash('npm test'))
  expect([warnAt(three), stopAt(three)]).toEqual([9, 15])
  expect(seen(three).at(-1)?.text).toContain('a round of 3 actions (the last: Bash {"command":"npm test"})')
  // A round is warned of once, wherever it is cut.
  expect(seen(two.slice(0, 9)).filter((each) => each !== undefined)).toHaveLength(1)
})

test('a round is found after whatever came before it', () => {
  const before = [read('x'), edit('1'), read('y'), edit('2'), bash('ls'), read('z'), edit('3')]
  expect(stopAt([...before, ...times(5, bash('npm test'))])).toBe(before.length + 5)
  expect(stopAt([...before, ...times(5, read('a'), edit('same'))])).toBe(before.length + 10)
})

test('another input or another result begins anew', () => {
  const same = times(4, bash('npm test'))
  expect(stopAt([...same, bash('npm test', '1 failed'), ...same])).toBe(0)
  expect(stopAt([...same, bash('npm run lint'), ...same])).toBe(0)
  expect(stopAt([...same, ...times(1, bash('npm test'))])).toBe(5)
  // And is warned of anew.
  expect(seen([...same, read('a'), ...same]).filter((each) => each !== undefined)).toHaveLength(2)
})

test('how long a test took is no difference; what it said, and how far a program is that does not look, is one', () => {
  const run = (input: string, said: (at: number) => string) => {
    const stuck = new Stuck()
    return Array.from({ length: 5 }, (_, at) => stuck.see({ name: 'bash', input, result: said(at) })?.stop ?? false)
  }
  expect(run('npm test', (at) => `FAIL 1 in 10${at}ms (0.${at}s)`).at(-1)).toBe(true)
  expect(run('npm test', (at) => `FAIL ${at} in 101ms`).at(-1)).toBe(false)
  expect(run('cat progress.log', (at) => `step after ${at}ms`).at(-1)).toBe(false)
})

test('fields do not run into each other', () => {
  const almost = [
    does('a', 'b', 'c'),
    does('ab', '', 'c'),
    does('a', '', 'bc'),
    does('a', 'bc', ''),
    does('', 'a', 'bc'),
  ]
  expect(seen(times(4, ...almost)).every((each) => each === undefined)).toBe(true)
})

test.for([
  does('BashOutput', '{"bash_id":"1"}'),
  does('TaskOutput', '{"task_id":"1"}'),
  does('TaskGet', '{"taskId":"1"}'),
  does('get_command_or_subagent_output', '{"id":"1"}'),
  does('read_bash', '{"shellId":"1","delay":10}'),
  does('write_stdin', '{"session_id":1,"chars":""}'),
  does('wait_agent', '{}'),
  does('mcp__ci__wait_for_build', '{}'),
  bash('sleep 30'),
  bash('sleep 30 && cat log'),
  bash('cd x; sleep 5; tail log'),
  bash('cd x\nsleep 5'),
  bash('gh run view 123 --json status'),
  bash('kubectl get pods'),
  bash('curl -s localhost:3000/health'),
  bash('ps aux | grep node'),
  bash('timeout 60 tail -f log'),
  does('command', `/bin/bash -lc "sleep 10; cat out"`),
  does('command', `/bin/bash -lc 'until grep -q ready log; do sleep 1; done'`),
] as const)('waiting is not being stuck: $name $input', (action) => {
  expect(isPolling(action)).toBe(true)
  expect(stopAt(times(50, action))).toBe(0)
  // And it does not hide that something else is.
  expect(stopAt(times(5, action, read('a')))).toBe(10)
})

test.for([
  bash('npm test'),
  bash('git status'),
  bash('npm run watchdog'),
  bash('echo "asleep 5"'),
  bash('cat health.txt'),
  does('Write', JSON.stringify({ file_path: 'a.sh', content: 'while true; do sleep 5; done' })),
  does('Grep', JSON.stringify({ pattern: '"sleep ' })),
  does('Task', '{"prompt":"wait for me"}'),
] as const)('this is no waiting: $name $input', (action) => {
  expect(isPolling(action)).toBe(false)
  expect(stopAt(times(5, action))).toBe(5)
})

test('good work is never stopped: test after each edit, many files, pages, the same check now and then', () => {
  const numbers = Array.from({ length: 40 }, (_, at) => at)
  const failing = bash('npm test', '1 failed')
  const good: readonly (readonly Action[])[] = [
    numbers.flatMap((at) => [edit(`${at}`), failing]),
    numbers.flatMap((at) => [edit(`${at}`), failing, read('a.ts')]),
    numbers.map((at) => read(`file-${at}`, 'empty')),
    numbers.map((at) => does('Read', JSON.stringify({ file_path: 'big', offset: at * 100 }), 'lines')),
    numbers.map((at) => bash('date', `${at}`)),
    numbers.flatMap((at) => [read('a'), read('b'), edit(`${at}`), bash('git status'), bash('git diff', `${at}`)]),
    numbers.flatMap((at) => [...times(2, bash('npm test')), edit(`${at}`)]),
    numbers.flatMap((at) => [does('TodoWrite', '[]', 'ok'), does('TodoWrite', `[${at}]`, 'ok')]),
  ]
  for (const actions of good) expect(stopAt(actions)).toBe(0)
})

test('whatever is done: a stop means that a round of at most three came five times, and such a round always stops', () => {
  const action = fc.constantFrom('a', 'b', 'c').map((name) => does(name))
  fc.assert(
    fc.property(fc.array(action, { maxLength: 40 }), (actions) => {
      const stuck = new Stuck()
      for (const [at, each] of actions.entries()) {
        const names = actions.slice(0, at + 1).map(({ name }) => name)
        const repeats = [1, 2, 3].some((round) => {
          const last = names.slice(-5 * round)
          return last.length === 5 * round && last.every((name, index) => name === last[index % round])
        })
        expect(stuck.see(each)?.stop ?? false).toBe(repeats)
      }
    }),
    { numRuns: 2000 },
  )
})

test('hostile inputs are read fast', () => {
  for (const part of ['sleep', '; ', 'curl ', '"', 'mcp__', '\\n', 'timeout x ']) {
    const input = part.repeat(1_000_000 / part.length)
    const started = performance.now()
    isPolling({ name: 'Bash', input })
    isPolling({ name: input.slice(0, 100_000), input: '' })
    expect(performance.now() - started).toBeLessThan(5000)
  }
})
