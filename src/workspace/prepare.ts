import { constants, globSync } from 'node:fs'
import { appendFile, copyFile, mkdir, readdir, readlink, symlink } from 'node:fs/promises'
import { dirname, isAbsolute, join, resolve } from 'node:path'
import { LoopwrightError } from '../core/errors.ts'
import type { CommandOptions, CommandSpec, RunCommand } from '../core/ports.ts'
import { isInside, kindOf, realPathOf } from './files.ts'

/**
 * Copies what the patterns name from one root into another. Links are copied as links, and only such as stay inside; what exists
 * is left alone. Answers what was copied (relative to the root) and what was refused, for people.
 */
export async function copyInto(
  from: string,
  into: string,
  patterns: readonly string[],
): Promise<{ copied: string[]; refused: string[] }> {
  const copied: string[] = []
  const refused: string[] = []
  const visit = async (path: string): Promise<void> => {
    const source = join(from, path)
    const target = join(into, path)
    if (path.split('/').some((part) => part.toLowerCase() === '.git')) return
    const parent = await realPathOf(dirname(source))
    if (parent === undefined || !isInside(from, parent) || !(await isPlainWay(into, path))) {
      refused.push(`not copied, it leads outside: ${path}`)
      return
    }
    const kind = await kindOf(source)
    if (kind === 'dir') {
      for (const name of await readdir(source)) await visit(`${path}/${name}`)
      return
    }
    if ((await kindOf(target)) !== 'none') return
    await mkdir(dirname(target), { recursive: true })
    if (kind === 'file') await copyFile(source, target, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE)
    else if (kind === 'link') {
      const aim = await readlink(source)
      if (isAbsolute(aim) || !isInside(from, resolve(dirname(source), aim))) {
        refused.push(`not copied, a link that leads outside: ${path}`)
        return
      }
      await symlink(aim, target)
    } else return
    copied.push(path)
  }
  for (const pattern of patterns) {
    if (isAbsolute(pattern) || pattern.split(/[\\/]/).includes('..')) {
      throw new LoopwrightError('bad_input', `workspace.copy: ${pattern} is not inside the repository`, {
        hint: 'give paths or globs relative to the top of the repository',
      })
    }
    const literal = await kindOf(join(from, pattern))
    const found = literal === 'none' ? globSync(pattern, { cwd: from }) : [pattern.replace(/\/+$/, '')]
    if (found.length === 0) refused.push(`workspace.copy: nothing matches ${pattern}`)
    for (const path of found) await visit(path)
  }
  return { copied, refused }
}

/** True when every folder on the way is a real one, or not there yet. */
async function isPlainWay(root: string, path: string): Promise<boolean> {
  const parts = path.split('/').slice(0, -1)
  for (let count = 1; count <= parts.length; count++) {
    const kind = await kindOf(join(root, ...parts.slice(0, count)))
    if (kind !== 'dir' && kind !== 'none') return false
  }
  return isInside(root, join(root, path))
}

/** Runs the commands that prepare a fresh worktree; the first that fails rejects with `workspace`. */
export async function runSetup(
  run: RunCommand,
  commands: readonly CommandSpec[],
  place: Pick<CommandOptions, 'cwd' | 'confinement'>,
  log: string,
): Promise<void> {
  const { signal } = new AbortController()
  for (const [at, command] of commands.entries()) {
    const name = command.name ?? command.shell ?? command.argv?.join(' ') ?? '(nothing)'
    await appendFile(log, `$ ${name}\n`)
    const outputPath = `${log}.${at + 1}`
    const result = await run(command, { ...place, signal, outputPath })
    await appendFile(
      log,
      `${result.stdout}${result.stderr}${result.error ?? ''}\n(exit ${result.exitCode ?? result.signal ?? '?'})\n`,
    )
    if (result.exitCode === 0 && !result.timedOut && result.error === undefined) continue
    const why = result.error ?? `exit code ${result.exitCode ?? result.signal ?? '?'}`
    throw new LoopwrightError('workspace', `setup failed: ${name}: ${why}`, {
      hint: `its output is in ${outputPath}; the setup is tried again when the run is resumed`,
      data: { stdout: result.stdout, stderr: result.stderr },
    })
  }
}
