import { findCommand } from '../process/sandbox/find-command.ts'

/** Finds a command as the kernel would; undefined when it is not installed. */
export type Which = (command: string) => string | undefined

/** Looks in the absolute directories of a PATH variable; a path is taken from where this process stands. */
export function createWhich(path: string): Which {
  return (command) => findCommand(command, path, process.cwd())
}
