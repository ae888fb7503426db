import { spawnSync } from 'node:child_process'
import { openSync } from 'node:fs'
import { expect, test } from 'vitest'
import { hasProc } from './table.ts'

const program = `import { supervise } from '${new URL('./supervise.ts', import.meta.url).href}'
const seen = await supervise({ shell: 'for fd in /proc/$$/fd/*; do readlink $fd; done', cwd: '/', env: {} })
console.log(seen.spawnError ?? seen.stdout)`

test.skipIf(!hasProc)('a child gets none of the descriptors that were left open to us', () => {
  const left = openSync('/usr', 'r')
  // Low ones Node shuts by itself.
  const stdio = [
    'ignore' as const,
    'pipe' as const,
    'inherit' as const,
    ...Array(37).fill('ignore'),
    left,
    'ignore',
    left,
  ]
  const control = spawnSync('/bin/sh', ['-c', 'readlink /proc/$$/fd/40 /proc/$$/fd/42'], { stdio })
  expect(String(control.stdout)).toBe('/usr\n/usr\n')
  const seen = spawnSync(process.execPath, ['--input-type=module', '-e', program], { stdio })
  expect(String(seen.stdout)).toContain('/dev/null')
  expect(String(seen.stdout)).not.toContain('/usr')
})

test.skipIf(!hasProc)('nor one above the limit of descriptors, which hinders no start', () => {
  const left = openSync('/usr', 'r')
  const stdio: (number | 'ignore' | 'pipe')[] = Array.from({ length: 301 }, () => 'ignore')
  stdio.splice(1, 1, 'pipe')
  stdio.splice(50, 1, left)
  stdio.splice(300, 1, left)
  const links = 'readlink /proc/$$/fd/50 /proc/$$/fd/300'
  const control = spawnSync('/bin/sh', ['-c', links], { stdio })
  expect(String(control.stdout)).toBe('/usr\n/usr\n')
  const limited = 'ulimit -n 100; exec "$0" --input-type=module -e "$1"'
  const seen = spawnSync('/bin/sh', ['-c', limited, process.execPath, program], { stdio })
  expect(String(seen.stdout)).toContain('/dev/null')
  expect(String(seen.stdout)).not.toContain('/usr')
})
