import { expect, test } from 'vitest'
import { memoryStore } from '../../src/store/memory.ts'
import { driver, emitted, newRun, storeContract } from './store.ts'

storeContract('memory', async (options) => {
  const store = memoryStore(options)
  return { store, again: async () => store }
})

test('a fault before an append stores nothing; a fault after it is seen by the caller although all is stored', async () => {
  let fault: 'before' | 'after' | undefined = 'before'
  const fail = (at: typeof fault) => async () => {
    if (fault === at) throw new Error(`crash ${at}`)
  }
  const store = memoryStore({ beforeAppend: fail('before'), afterAppend: fail('after') })
  await store.createRun(newRun('a'))
  const { epoch } = await store.claim('a', driver('d'), { leaseUntil: 9e12 })
  await expect(store.append('a', epoch, [{ event: emitted(1) }])).rejects.toThrow('crash before')
  expect(await store.read('a')).toEqual([])
  fault = 'after'
  await expect(store.append('a', epoch, [{ event: emitted(2) }])).rejects.toThrow('crash after')
  expect(await store.read('a')).toHaveLength(1)
  fault = undefined
  const [appended] = await store.append('a', epoch, [{ event: emitted(3) }])
  expect(appended).toMatchObject({ ok: true, event: { seq: 2 } })
})
