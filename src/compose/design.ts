import { mkdir, readdir, realpath, writeFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import type { App } from '../app.ts'
import { isCode, isInside, readOptional } from '../config/paths.ts'
import { checkOf } from '../core/check-text.ts'
import { LoopwrightError, messageOf } from '../core/errors.ts'
import { objectOf } from '../core/peek.ts'
import { guessCheck } from '../core/project.ts'
import { parseLoop } from '../core/spec/loop.ts'
import { goalFile } from '../formats/goal-file.ts'
import { parseYaml } from '../formats/yaml.ts'

export interface DesignLoop {
  readonly kind: 'goal' | 'repair'
  /** What shall be reached, or kept healthy. */
  readonly goal: string
  /** Of the file; made from the goal when absent. */
  readonly name?: string | undefined
  readonly criteria?: readonly string[] | undefined
  /** Absent: guessed from the project. */
  readonly verify?: readonly string[] | undefined
  readonly iterations?: number | undefined
}

/**
 * Writes a valid loop file into the project from a template; no agent is asked. Answers its path, from the project, and its text. Never
 * overwrites: rejects with `conflict`.
 */
export async function designLoop(
  app: App,
  design: DesignLoop,
): Promise<{ readonly path: string; readonly text: string }> {
  const { project } = app.config
  const name = design.name ?? nameOf(design.goal)
  const loops = await loopsFolder(project)
  if (design.kind === 'repair') {
    if (design.verify !== undefined || design.criteria !== undefined) {
      throw new LoopwrightError('bad_input', 'a repair loop is made without criteria and checks', {
        hint: 'leave them out, then write its stages into the file',
      })
    }
    const folder = join(loops, name)
    await app.loopFolders.make(folder, { mission: design.goal, projectRoot: project })
    const path = join(folder, 'loop.yaml')
    return { path: relative(project, path), text: (await readOptional(path)) ?? '' }
  }
  const verify = design.verify?.map(checkOf) ?? (await guessed(project))
  const text = goalFile({
    goal: design.goal,
    criteria: design.criteria ?? [],
    verify,
    iterations: design.iterations ?? 4,
  })
  const path = join(loops, `${name}.yaml`)
  parseLoop(parseYaml(text, path).value)
  await writeFile(path, text, { flag: 'wx' }).catch((error: unknown) => {
    if (!isCode(error, 'EEXIST'))
      throw new LoopwrightError('bad_input', `${path}: cannot be written: ${messageOf(error)}`)
    throw new LoopwrightError('conflict', `${path}: this file is there already`, { hint: 'give another name' })
  })
  return { path: relative(project, path), text }
}

/** Where loops of a project are, made if need be. A repository that somebody else made must not choose where files are written. */
async function loopsFolder(project: string): Promise<string> {
  const folder = join(project, '.loopwright', 'loops')
  const outside = () => new LoopwrightError('bad_input', `${folder}: this leads out of the project`)
  const top = await realpath(join(project, '.loopwright')).catch(() => undefined)
  if (top !== undefined && !isInside(project, top)) throw outside()
  await mkdir(folder, { recursive: true }).catch((cause: unknown) => {
    throw new LoopwrightError('bad_input', `${folder}: cannot be made: ${messageOf(cause)}`, { cause })
  })
  const real = await realpath(folder)
  if (!isInside(project, real)) throw outside()
  return real
}

async function guessed(project: string): Promise<string[]> {
  const files = await readdir(project)
  const text = (await readOptional(join(project, 'package.json')).catch(() => undefined)) ?? '{}'
  let scripts = {}
  try {
    scripts = objectOf(objectOf(JSON.parse(text)).scripts)
  } catch {
    // Not JSON: then nothing is known of its scripts.
  }
  const check = guessCheck(files, scripts)
  return check === undefined ? [] : [check]
}

function nameOf(goal: string): string {
  const words = goal.toLowerCase().match(/[a-z0-9]+/g) ?? []
  return words.slice(0, 5).join('-').slice(0, 50) || 'loop'
}
