import { existsSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join, relative, resolve } from 'node:path'
import { loadSpecFile } from '../config.ts'
import { isLoopwrightError } from '../core/errors.ts'
import { loopFileNames } from '../core/loop-files.ts'
import { loopFolderFiles } from '../formats/loop-folder.ts'
import { goalTemplate } from '../formats/templates.ts'

/** A loop file of a project. */
export interface LoopFile {
  /** From the project. */
  readonly path: string
  readonly valid: boolean
  readonly kind?: string
  readonly name?: string
  /** What it is for: its goal, or its mission. */
  readonly goal?: string
  /** What is wrong with it. */
  readonly error?: string
}

/** Where loops are looked for, from the project. */
const places = ['.loopwright/loops', 'loops']

/** The loops of a project: files in `.loopwright/loops` and `loops`, and folders there with a loop of their own. */
export async function loopsOf(project: string): Promise<LoopFile[]> {
  const found: LoopFile[] = []
  for (const place of places) {
    for (const path of await filesIn(join(project, place))) found.push(await look(project, path))
  }
  return found
}

/** Whether somebody who names a loop means a triage pattern: a word of small letters that is no file or folder of `cwd`. */
export function namesPattern(word: string, cwd: string): boolean {
  return /^[a-z][a-z0-9-]*$/.test(word) && !existsSync(resolve(cwd, word))
}

/** What a loop file can begin as, by kind. */
export function loopTemplates(): { readonly name: string; readonly text: string }[] {
  const [repair] = loopFolderFiles({ projectRoot: '.' })
  return [
    { name: 'goal', text: goalTemplate },
    ...(repair === undefined ? [] : [{ name: 'repair', text: repair.text }]),
  ]
}

async function filesIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => [])
  const paths: string[] = []
  for (const entry of entries.toSorted((a, b) => (a.name < b.name ? -1 : 1)).slice(0, 200)) {
    const path = join(folder, entry.name)
    if (entry.isFile() && /\.ya?ml$/.test(entry.name)) paths.push(path)
    if (!entry.isDirectory()) continue
    const names: readonly string[] = await readdir(path).catch(() => [])
    const own = loopFileNames.find((name) => names.includes(name))
    if (own !== undefined) paths.push(join(path, own))
  }
  return paths
}

async function look(project: string, path: string): Promise<LoopFile> {
  const shown = relative(project, path)
  try {
    const { spec } = await loadSpecFile(path)
    const goal = spec.kind === 'goal' ? spec.goal : spec.mission
    return { path: shown, valid: true, kind: spec.kind, goal, ...(spec.name === undefined ? {} : { name: spec.name }) }
  } catch (error) {
    if (!isLoopwrightError(error)) throw error
    return { path: shown, valid: false, error: error.message }
  }
}
