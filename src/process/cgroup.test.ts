import { existsSync } from 'node:fs'
import { expect, test } from 'vitest'
import { oomCount } from './cgroup.ts'

const reader = (files: Readonly<Record<string, string>>) => (path: string) => files[path]

const hybrid = `31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
32 31 0:29 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu
35 31 0:32 / /sys/fs/cgroup/memory rw,relatime shared:9 - cgroup cgroup rw,memory
41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw
`
const unified = '30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n'

test('version 1: the count of the memory hierarchy', () => {
  const read = reader({
    '/proc/7/cgroup': '9:name=systemd:/\n4:memory:/a/b\n1:cpu:/\n0::/\n',
    '/proc/self/mountinfo': hybrid,
    '/sys/fs/cgroup/memory/a/b/memory.oom_control': 'oom_kill_disable 0\nunder_oom 0\noom_kill 3\n',
  })
  expect(oomCount(7, read)).toEqual({ file: '/sys/fs/cgroup/memory/a/b/memory.oom_control', kills: 3 })
})

test('version 2: the count of the cgroup, or of the nearest above that has one', () => {
  const files = {
    '/proc/7/cgroup': '0::/user.slice/run.scope/deep\n',
    '/proc/self/mountinfo': unified,
    '/sys/fs/cgroup/user.slice/memory.events': 'low 0\nhigh 0\nmax 0\noom 1\noom_kill 1\noom_group_kill 0\n',
  }
  expect(oomCount(7, reader(files))).toEqual({ file: '/sys/fs/cgroup/user.slice/memory.events', kills: 1 })
  const own = '/sys/fs/cgroup/user.slice/run.scope/deep/memory.events'
  expect(oomCount(7, reader({ ...files, [own]: 'oom_kill 0\n' }))).toEqual({ file: own, kills: 0 })
})

test('in a container the mount’s root is left out of the path', () => {
  const read = reader({
    '/proc/7/cgroup': '0::/docker/abc/inner\n',
    '/proc/self/mountinfo': '30 23 0:26 /docker/abc /sys/fs/cgroup ro - cgroup2 cgroup rw\n',
    '/sys/fs/cgroup/inner/memory.events': 'oom_kill 2\n',
  })
  expect(oomCount(7, read)).toEqual({ file: '/sys/fs/cgroup/inner/memory.events', kills: 2 })
})

test('what is missing, foreign or torn gives none, and no error', () => {
  const group = { '/proc/7/cgroup': '0::/a\n' }
  expect(oomCount(7, reader({}))).toBeUndefined()
  expect(oomCount(7, reader(group))).toBeUndefined()
  expect(oomCount(7, reader({ ...group, '/proc/self/mountinfo': 'torn\n - \n' }))).toBeUndefined()
  expect(oomCount(7, reader({ ...group, '/proc/self/mountinfo': unified }))).toBeUndefined()
  expect(
    oomCount(
      7,
      reader({
        '/proc/7/cgroup': '0::/../other\n',
        '/proc/self/mountinfo': unified,
        '/sys/fs/other/memory.events': 'oom_kill 1\n',
      }),
    ),
  ).toBeUndefined()
  expect(
    oomCount(
      7,
      reader({ ...group, '/proc/self/mountinfo': unified, '/sys/fs/cgroup/a/memory.events': 'oom_kill many\n' }),
    ),
  ).toBeUndefined()
  expect(oomCount(2 ** 30)).toBeUndefined()
})

test('on this machine it reads what there is', () => {
  const seen = oomCount(process.pid)
  if (seen !== undefined) expect(existsSync(seen.file)).toBe(true)
})
