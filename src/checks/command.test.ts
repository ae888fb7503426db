import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { runCheck } from './command.ts'

let cwd = ''
beforeAll(async () => {
  cwd = await mkdtemp(join(tmpdir(), 'checks-'))
})
afterAll(() => rm(cwd, { recursive: true, force: true }))

const options = () => ({ cwd, signal: new AbortController().signal, env: { PATH: process.env.PATH ?? '' } })

test('a command that exits 0 is ok', async () => {
  const result = await runCheck({ argv: ['echo', 'fine'] }, options())
  expect(result).toEqual({
    name: 'echo fine',
    ok: true,
    exit_code: 0,
    stdout: 'fine\n',
    stderr: '',
    error: null,
    duration: expect.any(Number),
  })
})

test('a failing, a missing, a timed-out and an empty command are not, and say why', async () => {
  const why = async (check: Parameters<typeof runCheck>[0]) => {
    const { ok, exit_code, error } = await runCheck(check, options())
    return [ok, exit_code, error]
  }
  expect(await why({ shell: 'exit 3' })).toEqual([false, 3, 'exit code 3'])
  expect(await why({ argv: ['foo-bar', 'x'] })).toEqual([false, null, 'command not found: foo-bar'])
  expect(await why({ shell: 'foo-bar' })).toEqual([false, 127, 'exit code 127 (command not found)'])
  expect(await why({ argv: ['sleep', '1000'], timeoutMs: 50 })).toEqual([false, null, 'timed out after 0.05s'])
  expect(await why({ argv: [] })).toEqual([false, null, 'no command given'])
})

test('is called by its name, or by its command', async () => {
  expect((await runCheck({ name: 'unit', argv: ['true'] }, options())).name).toBe('unit')
  expect((await runCheck({ shell: 'true && true' }, options())).name).toBe('true && true')
})

test('an exit of 0 without a test is not a pass', async () => {
  const result = await runCheck(
    { shell: 'echo "running 0 tests"; echo "No tests found, exiting with code 0"' },
    options(),
  )
  expect(result).toMatchObject({
    ok: false,
    exit_code: 0,
    vacuous: true,
    error: 'exit 0, but no test ran: No tests found, exiting with code 0',
  })
})

test('a real node:test run without tests is vacuous, one with a test passes', async () => {
  await writeFile(join(cwd, 'a.test.mjs'), `import { test } from 'node:test'\ntest('adds', () => {})\n`)
  const none = await runCheck({ argv: [process.execPath, '--test', 'none/**/*.test.mjs'] }, options())
  expect(none.ok).toBe(false)
  expect(await runCheck({ argv: [process.execPath, '--test', 'a.test.mjs'] }, options())).toMatchObject({ ok: true })
})

test('pytest’s own exit code for it is told as such', async () => {
  const result = await runCheck({ shell: 'echo "=== no tests ran in 0.01s ==="; exit 5' }, options())
  expect(result).toMatchObject({
    ok: false,
    exit_code: 5,
    vacuous: true,
    error: expect.stringMatching(/^exit 5, but no test/),
  })
})

test('a failure stays a failure whatever the output says of tests', async () => {
  const result = await runCheck({ shell: 'echo "no tests ran"; exit 1' }, options())
  expect(result).toMatchObject({ ok: false, error: 'exit code 1' })
  expect(result.vacuous).toBeUndefined()
})

test('the summary is found far from the end, and the result holds only the end', async () => {
  const script =
    'echo "test result: ok. 4 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out"; seq 1 5000; echo "running 0 tests"; echo "test result: ok. 0 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out"'
  const result = await runCheck({ shell: script }, options())
  expect(result.ok).toBe(true)
  expect(result.stdout.length).toBe(6000)
})

test('a summary that the cut went through is not misread', async () => {
  // 262,144 characters are searched: the cut falls between the 1 and the 0.
  const script = 'printf "10 passed\\n"; head -c 262134 /dev/zero | tr "\\0" x; echo'
  expect(await runCheck({ shell: script }, options())).toMatchObject({ ok: true })
})
