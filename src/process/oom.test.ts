import { expect, test } from 'vitest'
import { type Ended, OomWatch } from './oom.ts'

const file = '/sys/fs/cgroup/a/memory.events'
const kernelSays = { pid: 7, at: 995, line: 'Memory cgroup out of memory: Killed process 7 (node)' }

/** A process with pid 7 in a cgroup that counted one kill before, ten seconds before second 1000. */
function evidence(ended: Partial<Ended>, world: { kills?: number; victims?: readonly (typeof kernelSays)[] } = {}) {
  const watch = new OomWatch({
    count: (pid) => (pid === 7 ? { file, kills: 1 } : undefined),
    kills: () => world.kills ?? 1,
    victims: () => world.victims ?? [],
    uptime: () => 1000,
  })
  watch.look(7)
  watch.look(7)
  const owns = (pid: number) => pid === 7
  return watch.evidence({ exitCode: null, signal: null, stderr: '', durationMs: 10_000, owns, ...ended })
}

const killed = { signal: 'SIGKILL' }

test('a kill that the cgroup counted is one for want of memory', () => {
  expect(evidence(killed, { kills: 2 })).toMatch(/counted an out-of-memory kill.*memory\.events/)
  expect(evidence({ exitCode: 137 }, { kills: 2 })).toMatch(/counted/)
})

test('SIGKILL and exit 137 alone are not', () => {
  expect(evidence(killed)).toBeUndefined()
  expect(evidence({ exitCode: 137 })).toBeUndefined()
})

test('a count that rose says nothing about a process that was not killed', () => {
  for (const ended of [{ exitCode: 0 }, { exitCode: 1 }, { signal: 'SIGSEGV' }]) {
    expect(evidence(ended, { kills: 2 })).toBeUndefined()
  }
})

test('the kernel’s log counts when it names one of ours, in our time', () => {
  expect(evidence(killed, { victims: [kernelSays] })).toMatch(/Killed process 7/)
  expect(evidence(killed, { victims: [{ ...kernelSays, pid: 8 }] })).toBeUndefined()
  expect(evidence(killed, { victims: [{ ...kernelSays, at: 500 }] })).toBeUndefined()
  // The victim was a child, and its parent told of it with an exit code of its own.
  expect(evidence({ exitCode: 1 }, { kills: 2, victims: [kernelSays] })).toMatch(/Killed process 7/)
})

test('a runtime’s own words count with a bad end alone', () => {
  const stderr = 'Traceback\nMemoryError\n'
  expect(evidence({ exitCode: 1, stderr })).toBe('it said: MemoryError')
  expect(evidence({ signal: 'SIGABRT', stderr })).toBe('it said: MemoryError')
  expect(evidence({ exitCode: 0, stderr })).toBeUndefined()
})

test('a process of which nobody knows how it ended tells nothing', () => {
  expect(evidence({ stderr: 'MemoryError\n' }, { kills: 2, victims: [kernelSays] })).toBeUndefined()
})

test('a machine without cgroups and without a readable log still has the runtime’s words', () => {
  const watch = new OomWatch({ count: () => undefined, kills: () => undefined, victims: () => [], uptime: () => 0 })
  watch.look(7)
  const ended = { exitCode: null, signal: 'SIGKILL', durationMs: 1, owns: () => true }
  expect(watch.evidence({ ...ended, stderr: '' })).toBeUndefined()
  expect(watch.evidence({ ...ended, stderr: 'memory allocation of 99 bytes failed' })).toMatch(/memory allocation/)
})
