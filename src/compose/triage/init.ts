import { closeSync, constants, lstatSync, realpathSync } from 'node:fs'
import { basename, join } from 'node:path'
import { agentName } from '../../agents/names.ts'
import { LoopwrightError, messageOf } from '../../core/errors.ts'
import type { Pattern } from '../../core/triage/pattern.ts'
import { unknownPattern } from '../../core/triage/unknown-pattern.ts'
import { openPlain, writeAll } from '../../folder/files.ts'
import { appendOwn, ownDirectory, readOwn, replaceOwn } from '../../folder/loop/own.ts'
import { parseRegistry } from '../../formats/triage/registry.ts'
import { agentsHeading, loopRow, type ScaffoldFile, triageFiles } from '../../formats/triage/scaffold.ts'
import { loadProject, registryPlaces } from './project.ts'

export interface TriageInitRequest {
  /** The id of the pattern. */
  readonly pattern: string
  /** The agent the loop is meant for, in any of its spellings. */
  readonly agent?: string
  /** Overwrite settings that are there; what loops and people recorded never is. */
  readonly force?: boolean
  /** Only say what would be done. */
  readonly dryRun?: boolean
}

/** What became of a file: `made`, `replaced`, `added to`, or `kept` as it was. */
export interface TriageInitFile {
  readonly path: string
  readonly done: 'made' | 'replaced' | 'added to' | 'kept'
}

export interface TriageInitDone {
  readonly pattern: Pattern
  readonly files: readonly TriageInitFile[]
  /** What is left for people to do. */
  readonly notes: readonly string[]
}

const maxBytes = 1_048_576

/**
 * Sets a project up for a triage loop. Rejects with `not_found` for a pattern that there is not, `bad_input` for what is no agent's name,
 * `workspace` for what cannot be written and for links on the way: a project must not choose where files are written.
 */
export async function initTriage(project: string, request: TriageInitRequest): Promise<TriageInitDone> {
  const { patterns } = await loadProject(project)
  const pattern = patterns.find(({ id }) => id === request.pattern)
  if (pattern === undefined) {
    throw unknownPattern(
      request.pattern,
      patterns.map(({ id }) => id),
    )
  }
  const agent = request.agent === undefined ? undefined : agentName(request.agent)
  if (agent !== undefined && !/^[a-z0-9][a-z0-9:._-]{0,79}$/.test(agent))
    throw new LoopwrightError('bad_input', `${JSON.stringify(agent.slice(0, 80))} is no name of an agent`, {
      hint: 'loopwright agents lists those there are',
    })
  const root = realpathSync(project)
  const files = triageFiles({ pattern, project: basename(root), ...(agent === undefined ? {} : { agent }) })
  const done = files.map((file) => ({ path: file.path, done: put(root, file, request) }))
  return { pattern, files: done, notes: notesOf(root, pattern, agent, done) }
}

function put(root: string, file: ScaffoldFile, request: TriageInitRequest): TriageInitFile['done'] {
  const { force = false, dryRun = false } = request
  const path = join(root, file.path)
  const there = isThere(path)
  // A registry elsewhere would be hidden by ours, and one with other patterns would lose them.
  if (file.path === 'registry.yaml' && hasOwnRegistry(root, request.pattern)) return 'kept'
  if (there && file.what === 'section') {
    const text = readOwn(path, maxBytes)
    if (text === undefined || text.includes(agentsHeading)) return 'kept'
    if (!dryRun) written(path, () => appendOwn(path, `\n${file.text}`))
    return 'added to'
  }
  if (there && (file.what === 'record' || !force)) return 'kept'
  if (!dryRun) written(path, () => write(root, file, there))
  return there ? 'replaced' : 'made'
}

function write(root: string, { path, text }: ScaffoldFile, replace: boolean): void {
  const parts = path.split('/')
  const name = parts.pop() ?? ''
  const directory = ownDirectory(root, ...parts)
  if (replace) {
    replaceOwn(directory, name, text)
    return
  }
  const fd = openPlain(join(directory, name), constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL)
  try {
    writeAll(fd, text)
  } finally {
    closeSync(fd)
  }
}

function written(path: string, act: () => void): void {
  try {
    act()
  } catch (error) {
    if (error instanceof LoopwrightError) throw error
    throw new LoopwrightError('workspace', `${path} cannot be written: ${messageOf(error)}`, { cause: error })
  }
}

function hasOwnRegistry(root: string, pattern: string): boolean {
  if (registryPlaces.some((place) => place !== 'registry.yaml' && isThere(join(root, place)))) return true
  const text = readOwn(join(root, 'registry.yaml'), maxBytes)
  if (text === undefined) return false
  try {
    return parseRegistry(text, 'registry.yaml').some(({ id }) => id !== pattern)
  } catch {
    return false
  }
}

function notesOf(
  root: string,
  pattern: Pattern,
  agent: string | undefined,
  files: readonly TriageInitFile[],
): string[] {
  const kept = (path: string) => files.some((file) => file.path === path && file.done === 'kept')
  const lists = (path: string) => readOwn(join(root, path), maxBytes)?.includes(pattern.id) === true
  return [
    ...(kept('LOOP.md') && !lists('LOOP.md') ? [`LOOP.md does not list it yet: add ${loopRow(pattern, agent)}`] : []),
    ...(kept('loop-budget.md') && !lists('loop-budget.md')
      ? [`loop-budget.md does not limit it yet: its cap is ${pattern.cost.suggestedDailyCap} tokens a day`]
      : []),
  ]
}

function isThere(path: string): boolean {
  try {
    return lstatSync(path, { throwIfNoEntry: false }) !== undefined
  } catch {
    return false
  }
}
