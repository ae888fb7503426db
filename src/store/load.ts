import type * as Sqlite from 'node:sqlite'

/**
 * Loads `node:sqlite` on first use: importing the library must not. Node 22 warns that the module is experimental; the warning
 * says nothing a user could act on, so that one alone is left out. The load is synchronous, so no other warning can slip in.
 */
export function loadSqlite(): typeof Sqlite {
  const emitWarning = process.emitWarning
  const filtered = (...args: unknown[]): void => {
    const [warning] = args
    if (/\bSQLite is an experimental feature/.test(warning instanceof Error ? warning.message : String(warning))) return
    Reflect.apply(emitWarning, process, args)
  }
  process.emitWarning = filtered
  try {
    return process.getBuiltinModule('node:sqlite')
  } finally {
    process.emitWarning = emitWarning
  }
}
