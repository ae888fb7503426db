import { expect, test } from 'vitest'
import type { Confinement } from '../../core/ports.ts'
import { type SuperviseOptions, supervise } from '../supervise.ts'
import { confined } from './confined.ts'
import type { Launch, Sandbox, SandboxState } from './sandbox.ts'

const confinement: Confinement = { writable: [], readable: [], hidden: [], network: 'none', env: [] }
const env = { PATH: process.env.PATH ?? '' }

/** A sandbox that starts what it is given as the script says, and counts. */
function fake(argv: (launch: Launch, call: number) => readonly string[], hasBegun?: () => boolean) {
  const seen = { confined: 0, released: 0, launches: [] as Launch[] }
  const sandbox: Sandbox = {
    name: 'bwrap',
    async confine(launch) {
      seen.launches.push(launch)
      return {
        ...launch,
        argv: argv(launch, seen.confined++),
        ...(hasBegun === undefined ? {} : { hasBegun }),
        release: async () => void seen.released++,
      }
    },
  }
  const state: SandboxState = { mode: 'bwrap', sandbox }
  return {
    seen,
    run: (options: Partial<SuperviseOptions>) =>
      confined(supervise, () => state)({ cwd: '/', env, confinement, ...options }),
  }
}

test('a command line is run by a shell inside, and what serves it is released', async () => {
  const { seen, run } = fake((launch) => launch.argv)
  expect(await run({ shell: 'echo $((1 + 1))' })).toMatchObject({ exitCode: 0, stdout: '2\n' })
  expect(seen.launches[0]?.argv).toEqual(['/bin/sh', '-c', 'echo $((1 + 1))'])
  expect(seen).toMatchObject({ confined: 1, released: 1 })
})

test('what shall not be confined is not', async () => {
  const { seen, run } = fake((launch) => launch.argv)
  const run2 = confined(supervise, () => ({ mode: 'none' }))
  expect(await run2({ argv: ['true'], cwd: '/', env })).toMatchObject({ exitCode: 0 })
  expect(seen.confined).toBe(0)
  await expect(run({ argv: [] })).rejects.toMatchObject({ code: 'bad_input' })
})

test('without a sandbox nothing is started, and the reason is said', async () => {
  const run = confined(supervise, (mode) => ({ mode, problem: `install it (${mode})` }))
  const seen = await run({ argv: ['true'], cwd: '/', env, confinement: { ...confinement, by: 'srt' } })
  expect(seen).toMatchObject({ exitCode: null, spawnError: 'cannot confine true: install it (srt)' })
})

test('a sandbox that fails before it has started anything is tried once more', async () => {
  const failing = ['/bin/sh', '-c', 'echo "bwrap: gone" >&2; exit 1']
  const once = fake(
    (launch, call) => (call === 0 ? failing : launch.argv),
    () => false,
  )
  expect(await once.run({ argv: ['echo', 'x'] })).toMatchObject({ exitCode: 0, stdout: 'x\n' })
  expect(once.seen).toMatchObject({ confined: 2, released: 2 })
  const always = fake(
    () => failing,
    () => false,
  )
  expect(await always.run({ argv: ['echo', 'x'] })).toMatchObject({
    exitCode: null,
    spawnError: 'cannot confine echo: gone',
  })
  expect(always.seen).toMatchObject({ confined: 2, released: 2 })
})

test('a process that talks like a sandbox is not run twice', async () => {
  const { seen, run } = fake(
    (launch) => launch.argv,
    () => true,
  )
  expect(await run({ shell: 'echo "bwrap: gone" >&2; exit 1' })).toMatchObject({ exitCode: 1, stderr: 'bwrap: gone\n' })
  expect(seen.confined).toBe(1)
})
