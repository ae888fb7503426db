import { constants } from 'node:fs'
import { lstat, mkdir, open, realpath, rm } from 'node:fs/promises'
import { dirname, isAbsolute, join, sep } from 'node:path'
import { LoopwrightError, messageOf } from '../../core/errors.ts'
import type { MemoryFiles } from '../../core/ports.ts'

/** A change of one file. Paths are relative to where the agent works, with `/`. */
export type Edit =
  | { readonly write: string; readonly content: string }
  | { readonly append: string; readonly content: string }
  | { readonly replace: string; readonly find: string; readonly with: string }
  | { readonly delete: string }

/** The file an edit is about. */
export function pathOf(edit: Edit): string {
  if ('write' in edit) return edit.write
  if ('append' in edit) return edit.append
  return 'replace' in edit ? edit.replace : edit.delete
}

/** Why a path may not be edited, whatever the file system holds; undefined when it may. */
export function refusePath(path: string): string | undefined {
  if (path === '' || path.includes('\0')) return 'the path is empty or holds a NUL'
  if (isAbsolute(path) || /^[a-zA-Z]:/.test(path)) return 'the path must be relative to the working directory'
  const parts = path.split(/[/\\]/)
  if (parts.includes('..')) return 'the path must not leave the working directory'
  if (parts.at(-1) === '' || parts.at(-1) === '.') return 'the path names a directory'
  return undefined
}

/**
 * Makes one edit below `cwd`. Writing again what is there already, deleting what is gone and replacing what was replaced
 * already are done, so that a repeated call ends the same (append alone adds again). Rejects with `workspace` when a path leads
 * out of `cwd` (through a symlink too) or the edit cannot be made.
 */
export async function applyEdit(cwd: string, edit: Edit): Promise<void> {
  const path = pathOf(edit)
  const refused = refusePath(path)
  if (refused !== undefined) throw new LoopwrightError('workspace', `cannot edit ${path}: ${refused}`)
  const file = await resolveInside(cwd, path)
  try {
    if ('delete' in edit) await rm(file, { force: true })
    else if ('replace' in edit) await replace(file, edit)
    else {
      await mkdir(dirname(file), { recursive: true })
      await put(file, edit.content, 'write' in edit ? constants.O_TRUNC : constants.O_APPEND)
    }
  } catch (error) {
    throw new LoopwrightError('workspace', `cannot edit ${path}: ${messageOf(error)}`, { cause: error })
  }
}

/** Makes one edit of files in memory, as `applyEdit` does on disk. */
export function editFiles(files: MemoryFiles, edit: Edit): void {
  const path = pathOf(edit)
  const refused = refusePath(path)
  if (refused !== undefined) throw new LoopwrightError('workspace', `cannot edit ${path}: ${refused}`)
  const before = files.read(path)
  if ('delete' in edit) files.remove(path)
  else if ('write' in edit) files.write(path, edit.content)
  else if ('append' in edit) files.write(path, (before ?? '') + edit.content)
  else if (before?.includes(edit.find))
    files.write(
      path,
      before.replace(edit.find, () => edit.with),
    )
  else if (edit.with === '' || !before?.includes(edit.with))
    throw new LoopwrightError('workspace', `cannot edit ${path}: the text to replace is not there`)
}

async function resolveInside(cwd: string, path: string): Promise<string> {
  let at = await realpath(cwd)
  for (const part of path.split(/[/\\]/)) {
    at = join(at, part)
    const there = await lstat(at).catch(() => undefined)
    if (there?.isSymbolicLink()) {
      throw new LoopwrightError('workspace', `cannot edit ${path}: ${at.split(sep).at(-1)} is a symbolic link`)
    }
  }
  return at
}

async function put(file: string, content: string, mode: number): Promise<void> {
  const handle = await open(file, constants.O_WRONLY | constants.O_CREAT | constants.O_NOFOLLOW | mode, 0o666)
  try {
    await handle.writeFile(content)
  } finally {
    await handle.close()
  }
}

async function replace(file: string, edit: { readonly find: string; readonly with: string }): Promise<void> {
  const handle = await open(file, constants.O_RDONLY | constants.O_NOFOLLOW)
  let before: string
  try {
    before = await handle.readFile('utf8')
  } finally {
    await handle.close()
  }
  const at = before.indexOf(edit.find)
  if (at === -1) {
    if (edit.with !== '' && before.includes(edit.with)) return
    throw new Error(`the text to replace is not there: ${JSON.stringify(edit.find.slice(0, 80))}`)
  }
  await put(file, before.slice(0, at) + edit.with + before.slice(at + edit.find.length), constants.O_TRUNC)
}
