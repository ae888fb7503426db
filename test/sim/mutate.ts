import { spawnSync } from 'node:child_process'
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Mutation } from './mutations.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))

export interface Verdict {
  readonly found: boolean
  readonly output: string
}

/** Plants a bug in a copy of the kernel and lets the simulator of that copy look for it. */
export async function hunt(mutation: Mutation, seeds: number): Promise<Verdict> {
  const copy = await mkdtemp(join(tmpdir(), 'loopwright-mutant-'))
  try {
    for (const part of ['src/core', 'src/engine', 'src/store', 'src/testing', 'test/sim', 'package.json']) {
      await cp(join(root, part), join(copy, part), { recursive: true })
    }
    await symlink(join(root, 'node_modules'), join(copy, 'node_modules'), 'dir')
    const file = join(copy, mutation.file)
    const source = await readFile(file, 'utf8')
    if (source.split(mutation.find).length !== 2) {
      throw new Error(
        `'${mutation.name}' does not fit ${mutation.file} any more: its text must stand there exactly once`,
      )
    }
    await writeFile(
      file,
      source.replace(mutation.find, () => mutation.replace),
    )
    const args = ['test/sim/main.ts', '--seeds', String(seeds), '--faults', '8', '--stop-at-first']
    const { status, signal, stdout, stderr } = spawnSync(process.execPath, args, {
      cwd: copy,
      encoding: 'utf8',
      timeout: 120_000,
      env: { ...process.env, NODE_OPTIONS: '' },
    })
    // A simulator that had to be ended, or did not start, has found nothing.
    const ending = signal ? `ended by ${signal}` : `exit ${status}`
    return { found: status === 1 && stdout.includes('seed '), output: `${stdout}${stderr}\n${ending}` }
  } finally {
    await rm(copy, { recursive: true, force: true })
  }
}
