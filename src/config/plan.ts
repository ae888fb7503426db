import { constants } from 'node:fs'
import { open, realpath } from 'node:fs/promises'
import { basename, dirname, join, relative, resolve } from 'node:path'
import { isLoopwrightError } from '../core/errors.ts'
import type { Workspace } from '../core/ports.ts'
import { markPassed, planFormat } from '../formats/prd.ts'
import { isInside, readOptional } from './paths.ts'

/**
 * Marks a story as passed in the plan's file, as the workspace has it. Answers whether the file says so now: it does not when it
 * lies outside of the workspace, was never committed, or no longer tells of the story.
 */
export async function markStory(mark: {
  readonly workspace: Pick<Workspace, 'path' | 'root'>
  /** Where the user started; absolute. */
  readonly project: string
  /** The file as the user named it; relative to the project or absolute. */
  readonly file: string
  readonly story: string
}): Promise<boolean> {
  const { workspace, project, story } = mark
  const path = resolve(await realpath(workspace.path), await wayTo(project, mark.file))
  const root = await realpath(workspace.root)
  if (!isInside(root, path)) return false
  try {
    const text = await readOptional(path, root)
    if (text === undefined) return false
    const marked = markPassed(text, planFormat(path), story, path)
    if (marked === text) return true
    // The file is the agent's to change, so it may be a link by now: the real one is written, and none is followed.
    const file = await open(await realpath(path), constants.O_RDWR | constants.O_NOFOLLOW)
    try {
      const bytes = Buffer.from(marked)
      await file.write(bytes, 0, bytes.length, 0)
      await file.truncate(bytes.length)
    } finally {
      await file.close()
    }
    return true
  } catch (error) {
    // An agent broke the plan, or put something else there: the run's own list of what passed is what counts.
    if (isLoopwrightError(error, 'bad_input') || isLoopwrightError(error, 'not_found')) return false
    throw error
  }
}

/** From the project to the file, through no link of either. */
async function wayTo(project: string, file: string): Promise<string> {
  const path = resolve(project, file)
  const folder = await realpath(dirname(path)).catch(() => dirname(path))
  return join(relative(await realpath(project), folder), basename(path))
}
