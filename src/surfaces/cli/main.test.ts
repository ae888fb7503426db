import { expect, test } from 'vitest'
import { fakeIo } from '../../../test/e2e/fake-io.ts'
import { main } from './main.ts'

async function call(...argv: string[]) {
  const io = fakeIo({ cwd: '/tmp' })
  const code = await main(argv, io)
  return { code, out: io.out(), err: io.err() }
}

test('without a command the help shows every command in its group', async () => {
  const { code, out, err } = await call()
  expect({ code, err }).toEqual({ code: 0, err: '' })
  expect(out).toMatchSnapshot()
})

test.each(['run', 'resume', 'runs', 'fork', 'result', 'doctor'])('%s --help tells its flags', async (command) => {
  const { code, out } = await call(command, '--help')
  expect(code).toBe(0)
  expect(out).toMatchSnapshot()
})

test.each<[string, string[], string]>([
  ['an unknown flag', ['run', '--gaol', 'x'], "unknown option '--gaol'\n  hint: did you mean --goal?"],
  ['an unknown command', ['rnu'], "unknown command 'rnu'\n  hint: did you mean run?"],
  [
    'a number that is none',
    ['run', '--goal', 'x', '--max-iterations', 'many'],
    '--max-iterations takes a whole number',
  ],
  ['a negative number', ['run', '--goal', 'x', '--max-iterations=-1'], '--max-iterations takes a whole number'],
  ['money that is none', ['run', '--goal', 'x', '--max-cost', 'free'], '--max-cost takes an amount in US dollars'],
  ['a duration that is none', ['run', '--goal', 'x', '--timeout', 'soon'], '--timeout: "soon" is not a duration'],
  ['a choice that is none', ['run', '--goal', 'x', '--isolation', 'vm'], '--isolation takes worktree or inplace'],
  ['a label that is none', ['run', '--goal', 'x', '--label', 'team'], '--label takes key=value'],
  ['no goal', ['run'], 'there is no goal\n  hint: give --goal'],
  ['two goals', ['run', '--goal', 'x', '--goal-file', 'y'], 'give --goal or --goal-file, not both'],
  ['a goal file that is not there', ['run', '--goal-file', 'nowhere.md'], 'nowhere.md: there is no such file'],
  ['answers to nothing', ['run', '--goal', 'x', '--answer', 'y'], '--answer goes with --resume'],
  ['a token that is none', ['run', '--resume', 'a b'], '"a b" is not a resume token'],
  ['a shell nobody knows', ['completion', 'tcsh'], 'completion takes bash or zsh or fish'],
  ['a filter that is none', ['runs', '--where', 'state=done'], 'a run has no "state"'],
])('%s is one clear error and exit code 2', async (_, argv, message) => {
  const { code, out, err } = await call(...argv)
  expect(code).toBe(2)
  expect(out).toBe('')
  expect(err).toMatch(/^loopwright: /)
  expect(err).toContain(message)
  expect(err).not.toContain('    at ')
})

test('with --json an error is one JSON object too', async () => {
  const { code, out } = await call('run', '--json')
  expect(code).toBe(2)
  expect(JSON.parse(out)).toMatchObject({ completed: false, error: { code: 'bad_input', message: 'there is no goal' } })
})

test.each(['bash', 'zsh', 'fish'])('the completion for %s knows the commands and their flags', async (shell) => {
  const { code, out } = await call('completion', shell)
  expect(code).toBe(0)
  expect(out).toContain('resume')
  expect(out).toContain('max-iterations')
  expect(out).not.toMatch(/\bdemo\b/) // hidden commands stay hidden
})
