import { chmodSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { scratch, write } from '../../../test/fixtures/repo.ts'
import { explainBwrap, findSandbox } from './find.ts'

/** A directory for PATH with these scripts in it, and the system's own commands. */
function path(root: string, scripts: Readonly<Record<string, string>>): Record<string, string> {
  for (const [name, text] of Object.entries(scripts)) {
    write(root, { [name]: `#!/bin/sh\n${text}\n` })
    chmodSync(join(root, name), 0o755)
  }
  return { PATH: root }
}

test('none is none', async () => {
  expect(await findSandbox('none', {})).toEqual({ mode: 'none' })
})

test('what is missing is named with how to install it', async () => {
  using place = scratch()
  const env = { PATH: place.path }
  expect((await findSandbox('auto', env, { platform: 'linux' })).problem).toContain('sudo apt-get install bubblewrap')
  expect((await findSandbox('auto', env, { platform: 'darwin' })).problem).toContain(
    'npm install -g @anthropic-ai/sandbox-runtime',
  )
  expect((await findSandbox('srt', env, { platform: 'linux' })).problem).toContain('sandbox-runtime')
  expect((await findSandbox('bwrap', env, { platform: 'darwin' })).problem).toContain('Linux alone')
  expect((await findSandbox('auto', env, { platform: 'win32' })).problem).toContain('WSL')
})

test('a bubblewrap that is there and cannot confine is no sandbox', async () => {
  using place = scratch()
  const script =
    'case $1 in --version) echo bubblewrap 0.9.0;; *) echo "bwrap: setting up uid map: Permission denied" >&2; exit 1;; esac'
  const state = await findSandbox('auto', path(place.path, { bwrap: script }), { platform: 'linux' })
  expect(state).toMatchObject({ version: '0.9.0', problem: expect.stringContaining('setting up uid map') })
  expect(state.sandbox).toBeUndefined()
})

test('a bubblewrap that only says that it worked is no sandbox', async () => {
  using place = scratch()
  const state = await findSandbox('bwrap', path(place.path, { bwrap: 'echo bubblewrap 0.9.0' }), { platform: 'linux' })
  expect(state.sandbox).toBeUndefined()
})

test('a bubblewrap that is too old is said', async () => {
  using place = scratch()
  const state = await findSandbox('bwrap', path(place.path, { bwrap: 'echo bubblewrap 0.3.1' }), { platform: 'linux' })
  expect(state.problem).toContain('0.3.1 is too old')
})

test.each([
  ['/proc/sys/kernel/apparmor_restrict_unprivileged_userns', '1', 'apparmor_parser'],
  ['/proc/sys/kernel/unprivileged_userns_clone', '0', 'sysctl -w kernel.unprivileged_userns_clone=1'],
  ['/proc/sys/user/max_user_namespaces', '0', 'sysctl -w user.max_user_namespaces'],
  ['/none', '0', 'seccomp=unconfined'],
])('%s = %s explains why it does not work', (setting, value, said) => {
  const text = explainBwrap('bwrap: No permissions', (path) => (path === setting ? value : undefined))
  expect(text).toContain(said)
  expect(text).toContain('(No permissions)')
})
