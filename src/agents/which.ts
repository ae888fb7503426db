import { accessSync, constants, statSync } from 'node:fs'
import { isAbsolute, join, resolve } from 'node:path'

/** Finds a command as the kernel would; undefined when it is not installed. */
export type Which = (command: string) => string | undefined

/** Looks in the directories of a PATH variable; relative ones are left out, since they mean another place in every project. */
export function createWhich(path: string): Which {
  const directories = path.split(':').filter((directory) => isAbsolute(directory))
  return (command) => {
    const places = command.includes('/') ? [resolve(command)] : directories.map((directory) => join(directory, command))
    return places.find(isExecutable)
  }
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK)
    return statSync(file).isFile()
  } catch {
    return false
  }
}
