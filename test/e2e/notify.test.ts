import { join } from 'node:path'
import { expect, test } from 'vitest'
import { main } from '../../src/surfaces/cli/main.ts'
import { hookServer } from '../fixtures/hook-server.ts'
import { scratch, write } from '../fixtures/repo.ts'
import { fakeIo } from './fake-io.ts'

/** Types a command in an empty project of a user with this configuration. */
async function typed(config: string, env: Readonly<Record<string, string>>, ...args: string[]) {
  using temporary = scratch()
  write(temporary.path, { 'me/.config/loopwright/config.yaml': config, 'project/a.txt': '' })
  const HOME = join(temporary.path, 'me')
  const io = fakeIo({ cwd: join(temporary.path, 'project'), env: { HOME, PATH: '/nowhere', ...env } })
  const code = await main(args, io)
  return { code, out: io.out(), err: io.err() }
}

test('notify --test tells each once and says what became of it, without an address', async () => {
  await using slack = await hookServer()
  await using gone = await hookServer({ status: 404 })
  const config = `notify:
  - { kind: slack, url: '${slack.url}', on: [failed] }
  - { kind: webhook, urlEnv: MY_HOOK }
  - { kind: discord, urlEnv: NOT_SET }
  - { kind: desktop }
`
  const { code, out, err } = await typed(config, { MY_HOOK: gone.url.href, NO_COLOR: '1' }, 'notify', '--test')
  expect(out).toBe(`✓ slack
✗ webhook: refused the notice (404): the address is wrong, or was withdrawn
✗ discord: NOT_SET is not set
✗ desktop: ${process.platform === 'darwin' ? 'osascript' : 'notify-send'} is not installed
`)
  expect([code, err]).toEqual([1, ''])
  expect(slack.seen).toHaveLength(1)
  expect(gone.seen).toHaveLength(1)
  const json = await typed(config, { MY_HOOK: gone.url.href }, 'notify', '--test', '--json')
  expect(JSON.parse(json.out).notifiers[0]).toEqual({ notifier: 'slack', ok: true, tries: 1 })
  expect(out + err + json.out + json.err).not.toContain('secret')
})

test('notify says who is told of what; nobody is an answer too', async () => {
  const shortcut = { LOOPWRIGHT_SLACK_WEBHOOK: 'https://hooks.slack.example/top-secret' }
  const some = await typed('notify: [{ kind: desktop, on: [failed] }]\n', shortcut, 'notify')
  expect(some).toMatchObject({ code: 0, out: 'desktop: failed\nslack: escalation, halted, failed, proposed, merged\n' })
  const none = await typed('', {}, 'notify')
  expect(none).toMatchObject({ code: 0, out: '', err: expect.stringContaining('nobody is told of anything') })
  expect(await typed('', {}, 'notify', '--test')).toMatchObject({ code: 1 })
  const shown = await typed('', shortcut, 'config')
  expect(shown.out).toContain('notify')
  expect(shown.out).not.toContain('secret')
})
