import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { loadSqlite } from './load.ts'

test('importing the store does not load SQLite; opening one does, and says nothing on stderr', () => {
  const store = fileURLToPath(new URL('./sqlite.ts', import.meta.url))
  const program = `
    const loaded = () => process.moduleLoadList.includes('NativeModule sqlite')
    const { openSqliteStore } = await import(${JSON.stringify(store)})
    const before = loaded()
    const { loadSqlite } = await import(${JSON.stringify(store.replace('sqlite.ts', 'load.ts'))})
    new (loadSqlite().DatabaseSync)(':memory:').close()
    process.emitWarning('kept', 'ExperimentalWarning')
    console.log(before, loaded())`
  const output = execFileSync(
    process.execPath,
    ['--input-type=module', '-e', `${program}; process.on('warning', (w) => console.log(w.message))`],
    {
      encoding: 'utf8',
    },
  )
  expect(output.split('\n')[0]).toBe('false true')
  expect(output).toContain('kept')
  expect(output).not.toContain('SQLite is an experimental')
})

test('process.emitWarning is as it was after the load', () => {
  const before = process.emitWarning
  loadSqlite()
  expect(process.emitWarning).toBe(before)
})
