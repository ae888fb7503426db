import { isAbsolute, join, relative, resolve } from 'node:path'
import { isDirectory } from '../../../config/paths.ts'
import { oneLine } from '../../../core/plain.ts'
import { type Io, note, print } from '../io.ts'
import { wrong } from '../problem.ts'
import { withApp } from '../session.ts'

interface InitFlags {
  readonly kind?: string
  readonly projectRoot?: string
  readonly mission?: string
  readonly force?: boolean
  readonly pattern?: string
  readonly agent?: string
  readonly dryRun?: boolean
}

/** `loopwright init`: `.loopwright/` in this project, with `--kind repair` a loop folder, with `--kind triage` the files of a triage loop. */
export async function init(io: Io, name: string | undefined, flags: InitFlags): Promise<number> {
  if (flags.kind === 'triage') return await initTriage(io, name, flags)
  if (flags.pattern !== undefined)
    wrong('--pattern goes with --kind triage', `loopwright init --kind triage --pattern ${oneLine(flags.pattern, 80)}`)
  if (flags.dryRun || flags.agent !== undefined)
    wrong(
      `${flags.dryRun ? '--dry-run' : '--agent'} goes with --kind triage`,
      'loopwright init --kind triage --pattern PATTERN',
    )
  if (flags.kind !== 'repair') {
    if (name !== undefined)
      wrong('a folder goes with --kind repair', `loopwright init --kind repair ${oneLine(name, 80)}`)
    return await (await import('./about.ts')).init(io)
  }
  if (name === undefined) wrong('a repair loop needs a folder', 'loopwright init --kind repair FOLDER')
  const folder = resolve(io.cwd, name)
  const projectRoot = resolve(io.cwd, flags.projectRoot ?? '.')
  if (!(await isDirectory(projectRoot))) wrong(`${projectRoot}: there is no such directory`, 'give --project-root DIR')
  return await withApp(io, async (app) => {
    const { mission, force } = flags
    const made = await app.loopFolders.make(folder, {
      projectRoot,
      ...(mission === undefined ? {} : { mission }),
      ...(force === undefined ? {} : { force }),
    })
    const shown = nearest(io.cwd, folder)
    for (const path of made) print(io, `made   ${join(shown, path)}`)
    note(
      io,
      `next: read ${join(shown, 'loop.yaml')}, then: loopwright trust ${join(shown, 'loop.yaml')} && loopwright run ${shown}`,
    )
    return 0
  })
}

async function initTriage(io: Io, name: string | undefined, flags: InitFlags): Promise<number> {
  const { pattern, agent, force, dryRun } = flags
  if (name !== undefined && flags.projectRoot !== undefined)
    wrong(
      'two directories are given',
      `loopwright init --kind triage --pattern ${pattern ?? 'PATTERN'} --project-root DIR`,
    )
  if (pattern === undefined)
    wrong(
      'a triage loop needs a pattern',
      'loopwright init --kind triage --pattern daily-triage (loopwright list shows all)',
    )
  const project = resolve(io.cwd, flags.projectRoot ?? name ?? '.')
  if (!(await isDirectory(project))) wrong(`${project}: there is no such directory`, 'give --project-root DIR')
  return await withApp(io, async (app) => {
    const made = await app.initTriage(project, {
      pattern,
      ...(agent === undefined ? {} : { agent }),
      ...(force === undefined ? {} : { force }),
      ...(dryRun === undefined ? {} : { dryRun }),
    })
    const shown = nearest(io.cwd, project)
    const would: Record<string, string> = { made: 'make', replaced: 'replace', 'added to': 'add to', kept: 'keep' }
    for (const { path, done } of made.files)
      print(io, `${dryRun ? `would ${would[done]}`.padEnd(13) : done.padEnd(8)} ${join(shown, path)}`)
    for (const text of made.notes) note(io, text)
    const way = shown === '.' ? '' : `cd ${shown} && `
    note(
      io,
      `next: read LOOP.md and gate.yaml, then: ${way}loopwright plan ${pattern}; loopwright run ${pattern} --dry-run`,
    )
    return 0
  })
}

/** `loopwright status FOLDER` and `loopwright doctor FOLDER`: exit code 1 where the loop could not run. */
export async function folderStatus(
  io: Io,
  name: string,
  flags: { readonly json?: boolean },
  strict: boolean,
): Promise<number> {
  return await withApp(io, async (app) => {
    const status = await app.loopFolders.status(resolve(io.cwd, name))
    const width = io.stdout.isTTY ? (io.stdout.columns ?? 100) : 160
    print(io, flags.json ? JSON.stringify(status) : app.loopFolders.statusText(status, width))
    return strict && !status.valid ? 1 : 0
  })
}

/** Whether an argument means a folder rather than a run. */
export async function isFolder(io: Io, name: string): Promise<boolean> {
  return /[/.]/.test(name) || (await isDirectory(resolve(io.cwd, name)))
}

function nearest(cwd: string, path: string): string {
  const way = relative(cwd, path) || '.'
  return isAbsolute(way) || way.startsWith('..') ? path : way
}
