import { spawnSync } from 'node:child_process'
import { openSync } from 'node:fs'
import { expect, test } from 'vitest'
import { hasProc } from './table.ts'

test.skipIf(!hasProc)('a child gets none of the descriptors that were left open to us', () => {
  const program = `import { supervise } from '${new URL('./supervise.ts', import.meta.url).href}'
const seen = await supervise({ shell: 'for fd in /proc/$$/fd/*; do readlink $fd; done', cwd: '/', env: {} })
console.log(seen.stdout)`
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
