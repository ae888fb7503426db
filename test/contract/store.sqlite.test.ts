import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { openSqliteStore } from '../../src/store/sqlite.ts'
import { storeContract } from './store.ts'

storeContract('sqlite', async (options) => {
  const directory = mkdtempSync(join(tmpdir(), 'loopwright-store-'))
  const opened: { close(): Promise<void> }[] = []
  const again = async () => {
    const store = await openSqliteStore({ path: join(directory, 'loopwright.db'), ...options })
    opened.push(store)
    return store
  }
  const store = await again()
  onTestFinished(async () => {
    for (const each of opened) await each.close()
    rmSync(directory, { recursive: true, force: true })
  })
  return { store, again }
})
