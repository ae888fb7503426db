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
}

/** `loopwright init`: `.loopwright/` in this project, or with `--kind repair` a loop folder. */
export async function init(io: Io, name: string | undefined, flags: InitFlags): Promise<number> {
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
