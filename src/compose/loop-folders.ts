import { readdir } from 'node:fs/promises'
import { isAbsolute, join, relative, resolve } from 'node:path'
import type { App } from '../app.ts'
import { systemClock as clock } from '../clock.ts'
import { readOptional } from '../config/paths.ts'
import { findLoopFile, loadSpecFile } from '../config.ts'
import { objectOf } from '../core/peek.ts'
import type { Drivers } from '../engine/drive.ts'
import { loopStatusText, readLoopFolder } from '../folder/loop/status.ts'
import { writeLoopFolder } from '../folder/loop/write.ts'
import { loopFolderFiles } from '../formats/loop-folder.ts'

/** Makes loop folders, and tells how the loops of them stand. */
export function loopFolders(drivers: Drivers): App['loopFolders'] {
  const { host } = drivers.self
  return {
    async make(folder, { mission, projectRoot, force = false }) {
      // From the folder, where that is near: then both can be moved together.
      const way = relative(folder, resolve(projectRoot)) || '.'
      const root =
        isAbsolute(way) || way.split('/').filter((part) => part === '..').length > 3 ? resolve(projectRoot) : way
      const files = loopFolderFiles({
        projectRoot: root,
        projectFacts: await factsOf(projectRoot),
        ...(mission === undefined ? {} : { mission }),
      })
      return writeLoopFolder(folder, files, { force })
    },
    status: (folder) =>
      readLoopFolder(folder, {
        find: findLoopFile,
        validate: loadSpecFile,
        isAlive: (process) => drivers.isAlive({ id: '', host, ...process }),
        host,
        now: clock.now(),
      }),
    statusText: loopStatusText,
  }
}

/** What the files at the top of a project tell. */
async function factsOf(project: string) {
  const files = await readdir(project).catch(() => [])
  try {
    const parsed: unknown = JSON.parse((await readOptional(join(project, 'package.json'))) ?? '{}')
    return { files, scripts: objectOf(objectOf(parsed as never).scripts) }
  } catch {
    return { files }
  }
}
