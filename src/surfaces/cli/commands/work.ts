import { mkdir, rename, writeFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import type { App } from '../../../app.ts'
import { findRun } from '../../../compose/look.ts'
import { LoopwrightError, messageOf } from '../../../core/errors.ts'
import { counted } from '../../../core/human.ts'
import { oneLine, plainText } from '../../../core/plain.ts'
import { canAsk, type Io, note, print, type Style, styleOf } from '../io.ts'
import { wrong } from '../problem.ts'
import { withApp } from '../session.ts'

/** `loopwright diff`. */
export async function diff(io: Io, reference: string, flags: { readonly stat?: boolean }): Promise<number> {
  return await withApp(io, async (app) => {
    const run = await findRun(app, reference)
    if (flags.stat) {
      for (const path of (await app.view(run.id)).changedFiles) print(io, oneLine(path, 500))
      return 0
    }
    const text = await app.diff(run.id)
    const { changedFiles, workspace } = await app.view(run.id)
    if (text === '' && workspace?.isolated === false && changedFiles.length > 0)
      note(
        io,
        `run ${run.id} worked in place: ${counted(changedFiles.length, 'file')} in ${oneLine(workspace.path, 200)}`,
      )
    else if (text === '') note(io, `run ${run.id} changed nothing`)
    // A pipe gets the patch as it is, so that it applies; a terminal gets it safe to look at.
    else io.stdout.write(io.stdout.isTTY ? colouredDiff(text, styleOf(io.env, io.stdout)) : text)
    return 0
  })
}

/** A patch for a terminal: safe, with colours. */
export function colouredDiff(text: string, style: Style): string {
  return plainText(text)
    .split('\n')
    .map((line) => {
      if (/^(diff|index|---|\+\+\+|new file|deleted file|rename|similarity)/.test(line)) return style.bold(line)
      if (line.startsWith('@@')) return style.cyan(line)
      if (line.startsWith('+')) return style.green(line)
      return line.startsWith('-') ? style.red(line) : line
    })
    .join('\n')
}

/** `loopwright report`: the path of the page is printed. */
export async function report(io: Io, reference: string, flags: { readonly out?: string }): Promise<number> {
  return await withApp(io, async (app) => {
    const run = await findRun(app, reference)
    const path = resolve(io.cwd, flags.out ?? join(app.runFolder(run), 'report.html'))
    const page = await app.report(run.id, path)
    try {
      await mkdir(dirname(path), { recursive: true })
      // Beside and renamed, so that no link that somebody planted is written through.
      const beside = `${path}.${process.pid}.tmp`
      await writeFile(beside, page, { flag: 'wx' })
      await rename(beside, path)
    } catch (error) {
      throw new LoopwrightError('bad_input', `${path}: cannot be written: ${messageOf(error)}`, { cause: error })
    }
    print(io, path)
    return 0
  })
}

/** `loopwright merge`. */
export async function merge(io: Io, reference: string): Promise<number> {
  return await withApp(io, async (app) => {
    const run = await findRun(app, reference)
    if (['running', 'queued'].includes(run.status) && !app.runs.interrupted(run)) {
      throw new LoopwrightError('conflict', `run ${run.id} is still ${run.status}`, {
        hint: `loopwright watch ${run.id}, then merge`,
      })
    }
    await notInPlace(app, run.id)
    const merged = await app.merge(run.id)
    if (!merged.merged) {
      const paths = merged.paths.slice(0, 10).map((path) => oneLine(path, 100))
      throw new LoopwrightError(
        'conflict',
        `not merged: ${merged.reason}${paths.length === 0 ? '' : `: ${paths.join(', ')}`}`,
        {
          hint: `nothing was touched${merged.hint === undefined ? '' : `; ${merged.hint}`}`,
        },
      )
    }
    const how = { 'fast-forward': 'fast-forward', merge: 'with a merge commit', already: 'it was merged before' }[
      merged.how
    ]
    print(io, `merged loopwright/${run.id} at ${merged.commit.slice(0, 10)} (${how})`)
    return 0
  })
}

/** `loopwright discard`. */
export async function discard(io: Io, reference: string, flags: { readonly yes?: boolean }): Promise<number> {
  return await withApp(io, async (app) => {
    const run = await findRun(app, reference)
    if (['running', 'queued'].includes(run.status) && !app.runs.interrupted(run)) {
      throw new LoopwrightError('conflict', `run ${run.id} is still ${run.status}`, {
        hint: `loopwright stop ${run.id}, or loopwright kill ${run.id}`,
      })
    }
    await notInPlace(app, run.id)
    const files = (await app.view(run.id)).changedFiles.length
    if (!flags.yes) {
      if (!canAsk(io)) wrong(`this throws ${counted(files, 'changed file')} away`, `loopwright discard ${run.id} --yes`)
      const { askYes } = await import('../prompts.ts')
      if (!(await askYes(io, `Throw the work of ${run.id} away (${counted(files, 'changed file')})?`))) return 130
    }
    const { branches } = await app.discard(run.id)
    print(io, branches.length === 0 ? `discarded ${run.id}` : `discarded ${run.id}: ${branches.join(', ')}`)
    return 0
  })
}

/** What was done in place is no branch: it can be neither merged nor thrown away. */
async function notInPlace(app: App, id: string): Promise<void> {
  const { workspace } = await app.view(id)
  if (workspace?.isolated !== false) return
  throw new LoopwrightError('conflict', `run ${id} worked in place: its changes are in ${workspace.path} already`)
}
