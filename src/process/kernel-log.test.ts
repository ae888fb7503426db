import { expect, test } from 'vitest'
import { oomVictims, parseKernelLog } from './kernel-log.ts'

test('victims are read from records and from dmesg', () => {
  const log = `6,900,1097341801,-;[  13791]     0 13791    80942    27140
 SUBSYSTEM=x
3,901,1097341880,-;Memory cgroup out of memory: Killed process 13791 (python3) total-vm:323768kB, anon-rss:102016kB
[ 1097.341854] oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),task=python3,pid=13791,uid=0
[ 1100.000001] Out of memory: Killed process 42 (node) total-vm:1kB
[   12.5] Killed process 7 (old), UID 0
`
  expect(parseKernelLog(log)).toEqual([
    {
      pid: 13791,
      at: 1097.34188,
      line: 'Memory cgroup out of memory: Killed process 13791 (python3)',
    },
    { pid: 42, at: 1100.000001, line: 'Out of memory: Killed process 42 (node)' },
    { pid: 7, at: 12.5, line: 'Killed process 7 (old), UID 0' },
  ])
})

test('a log that is not ours to read, or says nothing, has none', () => {
  expect(parseKernelLog('')).toEqual([])
  expect(oomVictims()).toBeInstanceOf(Array)
})
