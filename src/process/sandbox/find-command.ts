import { accessSync, constants, statSync } from 'node:fs'
import { isAbsolute, join, resolve } from 'node:path'

/**
 * The file a command's name stands for; undefined when it is not there. Relative directories of PATH are left out: they are
 * another place in every project, whose files are not to be trusted with this.
 */
export function findCommand(command: string, path = '/usr/bin:/bin', cwd = '/'): string | undefined {
  const places = command.includes('/')
    ? [resolve(cwd, command)]
    : path
        .split(':')
        .filter(isAbsolute)
        .map((directory) => join(directory, command))
  return places.find((file) => {
    try {
      accessSync(file, constants.X_OK)
      return statSync(file).isFile()
    } catch {
      return false
    }
  })
}
