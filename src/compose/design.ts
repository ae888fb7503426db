import { lstat, mkdir, readdir, realpath, writeFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import type { App } from '../app.ts'
import { loopTemplates } from '../config/loops.ts'
import { isCode, isInside, readOptional } from '../config/paths.ts'
import { checkOf } from '../core/check-text.ts'
import { isLoopwrightError, LoopwrightError, messageOf } from '../core/errors.ts'
import type { Json } from '../core/json.ts'
import { objectOf, textOf } from '../core/peek.ts'
import type { RunRecord } from '../core/ports.ts'
import { guessCheck } from '../core/project.ts'
import { goalSpec } from '../core/spec/goal.ts'
import { repairSpec } from '../core/spec/repair.ts'
import { goalFile } from '../formats/goal-file.ts'
import { parseYaml, validate } from '../formats/yaml.ts'
import { designTries } from '../loops/design.ts'

/** A loop file longer than this is none, in characters. */
const longest = 100_000

/** What an agent may use up on a design, besides its tries. */
const caps = { iterations: designTries, agentCalls: 2 * designTries, activeMs: 20 * 60_000 }

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
  if (design.kind === 'repair') {
    if (design.verify !== undefined || design.criteria !== undefined) {
      throw new LoopwrightError('bad_input', 'a repair loop is made without criteria and checks', {
        hint: 'leave them out, then write its stages into the file',
      })
    }
    return await writeDesign(app, design)
  }
  const verify = design.verify?.map(checkOf) ?? (await guessed(project))
  const text = goalFile({
    goal: design.goal,
    criteria: design.criteria ?? [],
    verify,
    iterations: design.iterations ?? 4,
  })
  return await writeDesign(app, design, text)
}

/** An agent that writes a loop file, as a run; driving it is up to the caller. Rejects with `bad_input` for an agent nobody knows. */
export async function beginDesign(
  app: App,
  design: DesignLoop,
  settings: { readonly agent: string; readonly model?: string | undefined },
): Promise<RunRecord> {
  const { project, isolation } = app.config
  const agent = settings.agent.startsWith('scripted:') ? settings.agent : app.agents.choose(settings.agent).name
  const place = placeOf(await loopsFolder(project), design)
  // Said before an agent is paid for it.
  if ((await lstat(place).catch(() => undefined)) !== undefined) throw taken(place)
  const model = settings.model === undefined ? {} : { model: settings.model }
  const spec = {
    goal: design.goal,
    kind: design.kind,
    criteria: design.criteria ?? [],
    verify: design.verify ?? [],
    ...(design.iterations === undefined ? {} : { iterations: design.iterations }),
    example: loopTemplates().find(({ name }) => name === design.kind)?.text ?? '',
  }
  return await app.runs.start({
    loop: 'design',
    spec,
    project,
    caps,
    scopes: ['all'],
    // Whatever it changes where it looks around goes away with its worktree.
    meta: { settings: { agent, ...model, isolation, cleanup: 'always' } },
  })
}

/** Writes what an agent designed. Rejects with `bad_input` when that is not a valid loop file. */
export async function endDesign(app: App, design: DesignLoop, run: string) {
  const result = await app.result(run)
  // What the agent left where it looked around is nobody's work.
  await app.discard(run).catch(() => {})
  if (!result.completed) {
    const why = result.final_output === '' ? objectOf(result.error).message : result.final_output
    throw new LoopwrightError('bad_input', `no loop file was written (${result.stop_reason}): ${textOf(why) ?? ''}`, {
      hint: `loopwright tail ${run} shows what happened; without an agent a template is written`,
    })
  }
  return await writeDesign(app, design, result.final_output)
}

/** What is wrong with the text of a loop file of this kind; undefined: it is valid. */
export function problemOf(text: string, kind: DesignLoop['kind']): string | undefined {
  if (text.length > longest) return `the file is too long: at most ${longest} characters`
  try {
    const parsed = parseYaml(text, 'loop.yaml')
    const said = objectOf(parsed.value as Json | undefined).kind ?? 'goal'
    if (said !== kind) return `this is a loop of kind ${JSON.stringify(said)}, and kind: ${kind} is wanted`
    validate(kind === 'repair' ? repairSpec : goalSpec, parsed)
    return undefined
  } catch (error) {
    if (!isLoopwrightError(error)) throw error
    return [error.message, ...(error.hint === undefined ? [] : [`hint: ${error.hint}`])].join('\n')
  }
}

/** Puts a loop file where the project has its loops; without a text a repair gets its template. */
async function writeDesign(app: App, design: DesignLoop, text?: string) {
  const { project } = app.config
  const problem = text === undefined ? undefined : problemOf(text, design.kind)
  if (problem !== undefined) throw new LoopwrightError('bad_input', problem)
  const place = placeOf(await loopsFolder(project), design)
  if (design.kind === 'repair') {
    await app.loopFolders.make(place, { mission: design.goal, projectRoot: project })
    const path = join(place, 'loop.yaml')
    if (text !== undefined) await writeFile(path, text)
    return { path: relative(project, path), text: text ?? (await readOptional(path)) ?? '' }
  }
  await writeFile(place, text ?? '', { flag: 'wx' }).catch((error: unknown) => {
    if (!isCode(error, 'EEXIST'))
      throw new LoopwrightError('bad_input', `${place}: cannot be written: ${messageOf(error)}`)
    throw taken(place)
  })
  return { path: relative(project, place), text: text ?? '' }
}

/** Where a design goes: a file, or a folder of its own. */
function placeOf(loops: string, { name, goal, kind }: DesignLoop): string {
  return join(loops, `${name ?? nameOf(goal)}${kind === 'repair' ? '' : '.yaml'}`)
}

function taken(place: string): LoopwrightError {
  return new LoopwrightError('conflict', `${place}: this file is there already`, { hint: 'give another name' })
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
