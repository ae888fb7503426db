import fc from 'fast-check'
import { describe, expect, test, vi } from 'vitest'
import { type Amounts, type Dimension, dimensions } from '../../src/core/budget.ts'
import type { EventBody, Signal } from '../../src/core/event.ts'
import type { Appended, DriverId, Entry, NewRun, Store } from '../../src/core/ports.ts'

export interface Opened {
  readonly store: Store
  /** Another handle on the same data, as another process has. */
  again(): Promise<Store>
}

/** Opens an empty store for one test; whoever gives it cleans up when the test ends. */
export type OpenStore = (options?: { readonly now?: () => number }) => Promise<Opened>

export const driver = (id: string): DriverId => ({ id, host: 'here', pid: 1, started: '1' })

export const newRun = (id: string, more: Partial<NewRun> = {}): NewRun => ({
  id,
  loop: 'fix',
  kind: 'goal',
  version: '1',
  spec: { goal: 'ü "quoted" \u0000 \ud83d' },
  project: '/project',
  scopes: [`run:${id}`],
  ...more,
})

export const emitted = (data: string | number): EventBody => ({ kind: 'emitted', key: '0/:1', name: 'note', data })
const event = (data: string | number): Entry => ({ event: emitted(data) })
const later = 9_000_000_000_000

const reserving = (step: string, amounts: Amounts, attempt = 1): Entry => ({
  event: emitted(step),
  reserve: { step, attempt, amounts },
})
const settling = (step: string, amounts: Amounts, attempt = 1): Entry => ({
  event: emitted(step),
  settle: { step, attempt, amounts },
})
const message = (id: string, kind: Signal['kind'] = 'message'): Signal => ({ id, kind, target: 't', payload: { id } })

/** Makes a run and takes it; answers its epoch. */
async function driven(store: Store, id: string, more: Partial<NewRun> = {}): Promise<number> {
  await store.createRun(newRun(id, more))
  return (await store.claim(id, driver('d'), { leaseUntil: later })).epoch
}

const seqs = (results: readonly Appended[]) => results.map((result) => (result.ok ? result.event.seq : 'refused'))
const code = (value: string) => expect.objectContaining({ code: value })

/** What every Store must do. */
export function storeContract(name: string, open: OpenStore): void {
  describe(`${name}: runs`, () => {
    test('a run is made once; making it again returns the one that is there', async () => {
      const { store } = await open({ now: () => 5 })
      const run = newRun('a', {
        labels: { team: 'x' },
        caps: { tokens: 9, activeMs: 4 },
        meta: { m: [1] },
        parent: { run: 'p', key: '0/:1' },
      })
      const made = await store.createRun(run)
      expect(made).toEqual({
        ...run,
        status: 'queued',
        createdAt: 5,
        updatedAt: 5,
        epoch: 0,
        segmentSeq: 1,
        lastSeq: 0,
        activeMs: 0,
      })
      expect(await store.createRun(newRun('a', { loop: 'other', caps: { tokens: 1 } }))).toEqual(made)
      expect(await store.getRun('a')).toEqual(made)
      expect(await store.caps('run:a')).toEqual({ tokens: 9, activeMs: 4 })
      expect(await store.read('a')).toEqual([])
    })

    test('an unknown run is undefined to look at and not_found to change', async () => {
      const { store } = await open()
      await store.createRun(newRun('there'))
      expect(await store.getRun('x')).toBeUndefined()
      expect(await store.read('x')).toEqual([])
      expect(await store.inbox('x')).toEqual([])
      const calls = [
        () => store.claim('x', driver('d'), { leaseUntil: later }),
        () => store.renew('x', 1, later),
        () => store.append('x', 1, [event(1)]),
        () => store.post('x', message('m')),
        () => store.copyJournal('x', 'there', 1),
        () => store.copyJournal('there', 'x', 1),
        () => store.deleteRun('x'),
      ]
      for (const call of calls) await expect(call()).rejects.toEqual(code('not_found'))
    })

    test('what is returned cannot change what is stored', async () => {
      const { store } = await open()
      const spec = { list: [1] }
      const made = await store.createRun(newRun('a', { spec }))
      spec.list.push(2)
      Object.assign(made, { status: 'done' })
      expect(await store.getRun('a')).toMatchObject({ status: 'queued', spec: { list: [1] } })
    })

    test('lists the newest first and by every filter', async () => {
      const { store } = await open()
      await store.createRun(newRun('a', { labels: { 'a.b"c': 'x', env: 'ci' } }))
      await store.createRun(newRun('b', { labels: { env: 'ci' }, project: '/other', loop: 'triage' }))
      await store.createRun(newRun('c', { parent: { run: 'a', key: '0/:1' } }))
      await store.claim('b', driver('d'), { leaseUntil: later })
      const ids = async (filter?: Parameters<Store['listRuns']>[0]) => (await store.listRuns(filter)).map((r) => r.id)
      expect(await ids()).toEqual(['c', 'b', 'a'])
      expect(await ids({ limit: 2 })).toEqual(['c', 'b'])
      expect(await ids({ limit: 0 })).toEqual([])
      expect(await ids({ status: ['running', 'done'] })).toEqual(['b'])
      expect(await ids({ status: [] })).toEqual([])
      expect(await ids({ labels: { env: 'ci' } })).toEqual(['b', 'a'])
      expect(await ids({ labels: { env: 'ci', 'a.b"c': 'x' } })).toEqual(['a'])
      expect(await ids({ project: '/other' })).toEqual(['b'])
      expect(await ids({ parent: 'a' })).toEqual(['c'])
      expect(await ids({ loop: 'triage', project: '/project' })).toEqual([])
    })
  })

  describe(`${name}: claims and fences`, () => {
    test('a claim raises the epoch; another driver waits for the lease to end', async () => {
      let now = 100
      const { store, again } = await open({ now: () => now })
      const other = await again()
      await store.createRun(newRun('a'))
      const first = await store.claim('a', driver('one'), { leaseUntil: 200 })
      expect(first).toMatchObject({
        epoch: 1,
        run: { status: 'running', epoch: 1, leaseUntil: 200, driver: driver('one') },
      })
      expect(first).not.toHaveProperty('previous')
      await expect(other.claim('a', driver('two'), { leaseUntil: 300 })).rejects.toEqual(code('conflict'))
      now = 201
      const second = await other.claim('a', driver('two'), { leaseUntil: 400 })
      expect(second).toMatchObject({ epoch: 2, previous: driver('one') })
      expect(await store.claim('a', driver('three'), { leaseUntil: 500, force: true })).toMatchObject({
        epoch: 3,
        previous: driver('two'),
      })
    })

    test('a driver that lost its epoch can neither append nor renew', async () => {
      const { store, again } = await open()
      const other = await again()
      const epoch = await driven(store, 'a')
      expect(seqs(await store.append('a', epoch, [event(1)]))).toEqual([1])
      await other.claim('a', driver('two'), { leaseUntil: later, force: true })
      await expect(store.append('a', epoch, [event(2)])).rejects.toEqual(code('fenced'))
      await expect(store.renew('a', epoch, later)).rejects.toEqual(code('fenced'))
      expect(seqs(await other.append('a', epoch + 1, [event(3)]))).toEqual([2])
      expect((await store.read('a')).map((e) => [e.seq, e.epoch])).toEqual([
        [1, 1],
        [2, 2],
      ])
    })

    test('two handles append in turn without losing a seq', async () => {
      const { store, again } = await open()
      const other = await again()
      const epoch = await driven(store, 'a')
      for (let n = 0; n < 5; n += 1) {
        expect(seqs(await store.append('a', epoch, [event(n)]))).toEqual([2 * n + 1])
        expect(seqs(await other.append('a', epoch, [event(n)]))).toEqual([2 * n + 2])
      }
    })

    test('a released run is held by nobody: the same epoch is fenced, and the next driver has no predecessor', async () => {
      const { store } = await open()
      const epoch = await driven(store, 'a')
      await store.append('a', epoch, [event(1)], { status: 'waiting', release: true })
      await expect(store.append('a', epoch, [event(2)])).rejects.toEqual(code('fenced'))
      await expect(store.renew('a', epoch, later)).rejects.toEqual(code('fenced'))
      expect(await store.getRun('a')).not.toHaveProperty('driver')
      expect(await store.claim('a', driver('two'), { leaseUntil: later })).not.toHaveProperty('previous')
    })

    test('renewing extends the lease alone', async () => {
      const { store } = await open({ now: () => 7 })
      const epoch = await driven(store, 'a')
      const before = await store.getRun('a')
      await store.renew('a', epoch, later + 1)
      expect(await store.getRun('a')).toEqual({ ...before, leaseUntil: later + 1 })
    })

    test('a driver claims its own run again without being its own predecessor', async () => {
      const { store } = await open()
      await driven(store, 'a')
      const claim = await store.claim('a', driver('d'), { leaseUntil: later })
      expect(claim.epoch).toBe(2)
      expect(claim).not.toHaveProperty('previous')
    })

    test('a final run is not claimed, a failed one is', async () => {
      const { store } = await open()
      const epoch = await driven(store, 'a')
      await store.append('a', epoch, [], { status: 'failed', release: true })
      const next = await store.claim('a', driver('e'), { leaseUntil: later })
      await store.append('a', next.epoch, [], { status: 'done', release: true })
      await expect(store.claim('a', driver('e'), { leaseUntil: later, force: true })).rejects.toEqual(code('conflict'))
    })

    test('one of many that race for a claim gets it', async () => {
      const { store, again } = await open()
      const stores = [store, await again(), await again()]
      await store.createRun(newRun('a'))
      const claims = await Promise.allSettled(
        stores.flatMap((s, i) => [0, 1].map((j) => s.claim('a', driver(`${i}${j}`), { leaseUntil: later }))),
      )
      expect(claims.filter((claim) => claim.status === 'fulfilled')).toHaveLength(1)
    })
  })

  describe(`${name}: the journal`, () => {
    test('events come back as they were, in order, by range', async () => {
      let now = 10
      const { store } = await open({ now: () => now })
      const epoch = await driven(store, 'a')
      const odd = {
        kind: 'emitted',
        key: '0/:1',
        name: 'n',
        data: { z: [null, 1.5, '\u2028\u0000\ud83d', ''] },
      } as const
      now = 11
      const [first] = await store.append('a', epoch, [{ event: odd }, event(2)])
      expect(first).toEqual({ ok: true, event: { ...odd, seq: 1, epoch, ts: 11 } })
      await store.append('a', epoch, [event(3)])
      expect((await store.read('a'))[0]).toEqual({ ...odd, seq: 1, epoch, ts: 11 })
      const range = async (from?: number, to?: number) =>
        (await store.read('a', { ...(from === undefined ? {} : { from }), ...(to === undefined ? {} : { to }) })).map(
          (e) => e.seq,
        )
      expect(await range()).toEqual([1, 2, 3])
      expect(await range(2)).toEqual([2, 3])
      expect(await range(undefined, 2)).toEqual([1, 2])
      expect(await range(2, 2)).toEqual([2])
      expect(await range(0, 99)).toEqual([1, 2, 3])
      expect(await range(4)).toEqual([])
      expect(await range(-5, -1)).toEqual([])
    })

    test('concurrent appends to many runs keep each journal whole and in call order', async () => {
      const { store } = await open()
      const epochs = await Promise.all(['a', 'b', 'c'].map((id) => driven(store, id)))
      await Promise.all(
        ['a', 'b', 'c'].flatMap((id, i) =>
          Array.from({ length: 40 }, (_, n) => store.append(id, epochs[i] ?? 0, [event(n), event(n + 0.5)])),
        ),
      )
      for (const id of ['a', 'b', 'c']) {
        const events = await store.read(id)
        expect(events.map((e) => e.seq)).toEqual(Array.from({ length: 80 }, (_, n) => n + 1))
        expect(events.map((e) => e.kind === 'emitted' && e.data)).toEqual(Array.from({ length: 80 }, (_, n) => n / 2))
      }
    })

    test('a patch changes what it names and null clears', async () => {
      let now = 1
      const { store } = await open({ now: () => now })
      const epoch = await driven(store, 'a')
      now = 2
      await store.append('a', epoch, [event(1), event(2)], {
        status: 'waiting',
        reason: 'an answer',
        wakeAt: 77,
        activeMs: 12,
        result: { ok: 1 },
        newSegment: true,
      })
      const waiting = { status: 'waiting', reason: 'an answer', wakeAt: 77, activeMs: 12, result: { ok: 1 } }
      expect(await store.getRun('a')).toMatchObject({ ...waiting, segmentSeq: 2, lastSeq: 2, updatedAt: 2 })
      await store.append('a', epoch, [event(3)])
      expect(await store.getRun('a')).toMatchObject({
        ...waiting,
        segmentSeq: 2,
        lastSeq: 3,
        epoch,
        driver: driver('d'),
      })
      await store.append('a', epoch, [], { reason: null, wakeAt: null, result: null, newSegment: true })
      const cleared = await store.getRun('a')
      expect(cleared).toMatchObject({ status: 'waiting', activeMs: 12, segmentSeq: 2 })
      for (const field of ['reason', 'wakeAt', 'result']) expect(cleared).not.toHaveProperty(field)
      await store.append('a', epoch, [], { reason: 'x', wakeAt: 5 })
      const claimed = await store.claim('a', driver('d'), { leaseUntil: later })
      for (const field of ['reason', 'wakeAt']) expect(claimed.run).not.toHaveProperty(field)
    })

    test('copying a journal starts a fork: its events, its settled steps, a fresh budget', async () => {
      const { store } = await open()
      const epoch = await driven(store, 'a', { caps: { tokens: 100 } })
      await store.append('a', epoch, [reserving('s1', { tokens: 5 }), settling('s1', { tokens: 4 })])
      await store.append(
        'a',
        epoch,
        [{ event: { kind: 'continued', version: '1', segment: 1, state: 1, mailbox: [], iteration: 1 } }],
        {
          newSegment: true,
        },
      )
      await store.append('a', epoch, [reserving('s2', { tokens: 5 }), event('x'), settling('s2', { tokens: 6 })])
      await store.append(
        'a',
        epoch,
        [{ event: { kind: 'continued', version: '1', segment: 2, state: 2, mailbox: [], iteration: 2 } }],
        {
          newSegment: true,
        },
      )
      await store.createRun(newRun('b', { caps: { tokens: 50 } }))
      await store.copyJournal('a', 'b', 5)
      const copied = await store.read('b')
      expect(copied).toEqual((await store.read('a', { to: 5 })).map((e) => ({ ...e, epoch: 0 })))
      expect(await store.getRun('b')).toMatchObject({ status: 'queued', segmentSeq: 3, lastSeq: 5, epoch: 0 })
      expect(await store.spend('run:b')).toEqual({ used: {}, spent: {} })
      const fork = (await store.claim('b', driver('d'), { leaseUntil: later })).epoch
      await store.append('b', fork, [reserving('s1', { tokens: 5 }), settling('s1', { tokens: 4 })])
      expect(await store.spend('run:b')).toEqual({ used: {}, spent: {} })
      await store.append('b', fork, [reserving('s2', { tokens: 7 })])
      expect(await store.spend('run:b')).toEqual({ used: { tokens: 7 }, spent: {} })
      await expect(store.copyJournal('a', 'b', 1)).rejects.toEqual(code('conflict'))
      expect(await store.spend('run:a')).toEqual({ used: { tokens: 10 }, spent: { tokens: 10 } })
    })

    test('deleting takes everything of a run; the same id starts anew', async () => {
      const { store } = await open()
      const epoch = await driven(store, 'a', { scopes: ['run:a', 'day'] })
      const other = await driven(store, 'b')
      await store.append('b', other, [event('b')])
      await store.post('a', message('m'))
      await store.append('a', epoch, [reserving('s', { tokens: 3 }), settling('s', { tokens: 3 })])
      await expect(store.deleteRun('a')).rejects.toEqual(code('conflict'))
      await store.append('a', epoch, [], { status: 'done', release: true })
      await store.deleteRun('a')
      expect(await store.getRun('a')).toBeUndefined()
      expect([await store.read('a'), await store.inbox('a')]).toEqual([[], []])
      expect(await store.spend('run:a')).toEqual({ used: {}, spent: {} })
      expect(await store.spend('day')).toEqual({ used: { tokens: 3 }, spent: { tokens: 3 } })
      await expect(store.append('a', epoch, [event(1)])).rejects.toEqual(code('not_found'))
      expect(seqs(await store.append('a', await driven(store, 'a'), [event(1)]))).toEqual([1])
      expect(await store.post('a', message('m'))).toBe(true)
      expect(await store.read('b')).toHaveLength(1)
      expect(await store.check()).toMatchObject({ ok: true, problems: [], runs: 2 })
    })
  })

  describe(`${name}: the ledger`, () => {
    test('a refused reservation leaves out its own entry and nothing else', async () => {
      const { store } = await open()
      const epoch = await driven(store, 'a', { caps: { tokens: 10 } })
      await store.post('a', message('m'))
      const results = await store.append(
        'a',
        epoch,
        [event(1), reserving('s1', { tokens: 8 }), { ...reserving('s2', { tokens: 3 }), consume: 'm' }, event(4)],
        { reason: 'patched' },
      )
      expect(seqs(results)).toEqual([1, 2, 'refused', 3])
      expect(results[2]).toEqual({
        ok: false,
        refusal: { scope: 'run:a', dimension: 'tokens', cap: 10, spent: 0, used: 8 },
      })
      expect(await store.read('a')).toHaveLength(3)
      expect(await store.inbox('a')).toHaveLength(1)
      expect(await store.getRun('a')).toMatchObject({ lastSeq: 3, reason: 'patched' })
    })

    test('counts in every scope of the run, or in none; a scope named twice counts once', async () => {
      const { store } = await open()
      const scopes = ['run:a', 'day', 'all', 'day']
      const epoch = await driven(store, 'a', { scopes })
      const twin = await driven(store, 'b', { scopes: ['run:b', 'day'] })
      await store.setCaps('day', { agentCalls: 2 })
      await store.append('a', epoch, [reserving('s', { agentCalls: 1, tokens: 5 })])
      expect(seqs(await store.append('b', twin, [reserving('s', { agentCalls: 2 })]))).toEqual(['refused'])
      expect(await store.spend('run:b')).toEqual({ used: {}, spent: {} })
      await store.append('b', twin, [reserving('s', { agentCalls: 1 })])
      const [refused] = await store.append('a', epoch, [reserving('t', { agentCalls: 0 })])
      expect(refused).toMatchObject({ ok: false, refusal: { scope: 'day', dimension: 'agentCalls', cap: 2, used: 2 } })
      for (const scope of ['run:a', 'all']) {
        expect(await store.spend(scope)).toEqual({ used: { agentCalls: 1, tokens: 5 }, spent: {} })
      }
      expect(await store.spend('day')).toEqual({ used: { agentCalls: 2, tokens: 5 }, spent: {} })
    })

    test('settling puts the true amount in the place of the reservation, past the cap if so it was', async () => {
      const { store } = await open()
      const epoch = await driven(store, 'a', { scopes: ['run:a', 'all'], caps: { tokens: 10 } })
      await store.append('a', epoch, [reserving('s', { tokens: 10, agentCalls: 1 })])
      await store.append('a', epoch, [settling('s', { tokens: 12, agentCalls: 1, microUsd: 3 })])
      const spent = { tokens: 12, agentCalls: 1, microUsd: 3 }
      for (const scope of ['run:a', 'all']) expect(await store.spend(scope)).toEqual({ used: spent, spent })
      const [refused] = await store.append('a', epoch, [reserving('t', { tokens: 0 })])
      expect(refused).toMatchObject({ ok: false, refusal: { cap: 10, used: 12, spent: 12 } })
      await store.append('a', epoch, [settling('free', { tokens: 1 })])
      expect((await store.spend('all')).used).toEqual({ ...spent, tokens: 13 })
    })

    test('reserving or settling the same step and attempt twice counts once', async () => {
      const { store } = await open()
      const epoch = await driven(store, 'a', { caps: { tokens: 10 } })
      const entries = [reserving('s', { tokens: 9 }), reserving('s', { tokens: 9 })]
      expect(seqs(await store.append('a', epoch, entries))).toEqual([1, 2])
      expect((await store.spend('run:a')).used).toEqual({ tokens: 9 })
      await store.append('a', epoch, [settling('s', { tokens: 2 }), settling('s', { tokens: 2 })])
      await store.append('a', epoch, [settling('s', { tokens: 5 }), reserving('s', { tokens: 9 })])
      expect(await store.spend('run:a')).toEqual({ used: { tokens: 2 }, spent: { tokens: 2 } })
      await store.append('a', epoch, [reserving('s', { tokens: 1 }, 2)])
      expect((await store.spend('run:a')).used).toEqual({ tokens: 3 })
    })

    test('raised caps keep what they do not name and let the next reservation through', async () => {
      const { store } = await open()
      const epoch = await driven(store, 'a', { caps: { tokens: 1, agentCalls: 5, activeMs: 7 } })
      await store.append('a', epoch, [reserving('s', { tokens: 1 })])
      const raised: Entry = { event: { kind: 'reopened' }, caps: { tokens: 3 } }
      const results = await store.append('a', epoch, [
        reserving('t', { tokens: 1 }),
        raised,
        reserving('t', { tokens: 1 }),
      ])
      expect(seqs(results)).toEqual(['refused', 2, 3])
      const caps = { tokens: 3, agentCalls: 5, activeMs: 7 }
      expect(await store.caps('run:a')).toEqual(caps)
      expect((await store.getRun('a'))?.caps).toEqual(caps)
      await store.setCaps('run:a', { tokens: 9 })
      expect(await store.caps('run:a')).toEqual({ tokens: 9 })
      expect((await store.spend('run:a')).used).toEqual({ tokens: 2 })
    })

    test('the kill switch refuses every reservation, in every handle, until it is off', async () => {
      const { store, again } = await open()
      const other = await again()
      const epoch = await driven(store, 'a')
      expect(await store.killSwitch()).toBe(false)
      expect(await other.killSwitch(true)).toBe(true)
      expect(await store.killSwitch()).toBe(true)
      const results = await store.append('a', epoch, [reserving('s', {}), event(1), settling('s', { tokens: 1 })])
      expect(results[0]).toMatchObject({ ok: false, refusal: { dimension: 'killSwitch' } })
      expect(seqs(results)).toEqual(['refused', 1, 2])
      await store.killSwitch(false)
      expect(seqs(await store.append('a', epoch, [reserving('t', {})]))).toEqual([3])
    })

    test('amounts that are no whole numbers are refused before they poison a counter', async () => {
      const { store } = await open()
      const epoch = await driven(store, 'a')
      for (const tokens of [Number.NaN, -1, 0.5]) {
        const append = store.append('a', epoch, [event(1), settling('s', { tokens })])
        await expect(append).rejects.toEqual(code('bad_input'))
      }
      expect(await store.read('a')).toEqual([])
    })

    test('random reservations, settlements and crashes match a model and never pass a cap', async () => {
      const amount = fc.record({ tokens: fc.nat(6), agentCalls: fc.nat(2), microUsd: fc.nat(9) }, { requiredKeys: [] })
      const operation = fc.record({
        run: fc.constantFrom('a', 'b'),
        step: fc.constantFrom('s', 't', 'u', 'v'),
        attempt: fc.integer({ min: 1, max: 2 }),
        what: fc.constantFrom('reserve', 'settle', 'crash'),
        amounts: amount,
      })
      const caps = { 'run:a': { tokens: 12 }, 'run:b': { agentCalls: 3 }, all: { tokens: 15, microUsd: 20 } } as const
      await fc.assert(
        fc.asyncProperty(fc.array(operation, { maxLength: 30 }), async (operations) => {
          const { store } = await open()
          await store.setCaps('all', caps.all)
          const epochs = {
            a: await driven(store, 'a', { scopes: ['run:a', 'all'], caps: caps['run:a'] }),
            b: await driven(store, 'b', { scopes: ['run:b', 'all'], caps: caps['run:b'] }),
          }
          const model = new Map<string, { run: string; amounts: Amounts; settled: boolean }>()
          const sum = (scope: string, dimension: Dimension, settledOnly: boolean) =>
            [...model.values()]
              .filter((r) => (scope === 'all' || scope === `run:${r.run}`) && (!settledOnly || r.settled))
              .reduce((total, r) => total + (r.amounts[dimension] ?? 0), 0)
          for (const { run, step, attempt, what, amounts } of operations) {
            if (what === 'crash') {
              const claim = await store.claim(run, driver(`d${epochs[run as 'a']}`), { leaseUntil: later, force: true })
              epochs[run as 'a'] = claim.epoch
              continue
            }
            const key = `${run} ${step} ${attempt}`
            const entry = what === 'reserve' ? reserving(step, amounts, attempt) : settling(step, amounts, attempt)
            const [result] = await store.append(run, epochs[run as 'a'], [entry])
            if (what === 'settle') {
              // Only reservations are held to the caps; the model settles for no more than was reserved or what happened.
              if (model.get(key)?.settled !== true) model.set(key, { run, amounts, settled: true })
              expect(result?.ok).toBe(true)
              continue
            }
            const fitting = ([`run:${run}`, 'all'] as const).every((scope) =>
              dimensions.every((dimension) => {
                const cap = (caps as Record<string, Amounts>)[scope]?.[dimension]
                const more = (amounts as Amounts)[dimension]
                const used = sum(scope, dimension, false)
                return cap === undefined || more === undefined || (used < cap && used + more <= cap)
              }),
            )
            expect(result?.ok).toBe(model.has(key) || fitting)
            if (!model.has(key) && fitting) model.set(key, { run, amounts, settled: false })
          }
          for (const scope of ['run:a', 'run:b', 'all']) {
            const spend = await store.spend(scope)
            for (const dimension of dimensions) {
              expect(spend.used[dimension] ?? 0).toBe(sum(scope, dimension, false))
              expect(spend.spent[dimension] ?? 0).toBe(sum(scope, dimension, true))
            }
          }
          await store.close()
        }),
        { numRuns: 25 },
      )
    })

    test('reservations alone never pass a cap, however many drivers race', async () => {
      const { store, again } = await open()
      const stores = [store, await again()]
      await store.setCaps('all', { tokens: 100 })
      const epochs = await Promise.all(['a', 'b'].map((id) => driven(store, id, { scopes: [`run:${id}`, 'all'] })))
      const results = await Promise.all(
        Array.from({ length: 40 }, (_, n) => {
          const side = n % 2
          const at = side === 0 ? 'a' : 'b'
          return (stores[side] ?? store).append(at, epochs[side] ?? 0, [reserving(`s${n}`, { tokens: 7 })])
        }),
      )
      expect(results.flat().filter((result) => result.ok)).toHaveLength(14)
      expect((await store.spend('all')).used).toEqual({ tokens: 98 })
    })
  })

  describe(`${name}: signals`, () => {
    test('a signal is posted once, kept in arrival order, and consumed once', async () => {
      const { store, again } = await open()
      const other = await again()
      const epoch = await driven(store, 'a')
      expect(await store.post('a', message('z'))).toBe(true)
      expect(await other.post('a', message('b'))).toBe(true)
      expect(await store.post('a', message('z', 'stop'))).toBe(false)
      expect(await store.inbox('a')).toEqual([message('z'), message('b')])
      await store.append('a', epoch, [{ event: { kind: 'signal_received', signal: message('z') }, consume: 'z' }])
      expect(await other.inbox('a')).toEqual([message('b')])
      expect(await other.post('a', message('z'))).toBe(false)
      expect(await store.inbox('a')).toEqual([message('b')])
    })

    test('consuming a signal that is unknown or consumed rejects the whole append', async () => {
      const { store } = await open()
      const epoch = await driven(store, 'a')
      await store.post('a', message('m'))
      const eat = (id: string): Entry => ({ event: emitted(id), consume: id })
      for (const entries of [[eat('x')], [eat('m'), eat('m')]]) {
        const append = store.append('a', epoch, [reserving('s', { tokens: 1 }), ...entries], { reason: 'no' })
        await expect(append).rejects.toEqual(code('conflict'))
      }
      expect(await store.read('a')).toEqual([])
      expect(await store.inbox('a')).toHaveLength(1)
      expect(await store.spend('run:a')).toEqual({ used: {}, spent: {} })
      expect(await store.getRun('a')).not.toHaveProperty('reason')
      await store.append('a', epoch, [eat('m')])
      await expect(store.append('a', epoch, [eat('m')])).rejects.toEqual(code('conflict'))
      expect(seqs(await store.append('a', epoch, [event(2)]))).toEqual([2])
    })

    test('due: queued, waiting past the hour, or woken by a signal that counts', async () => {
      const { store } = await open()
      await store.createRun(newRun('queued'))
      const statuses = ['waiting', 'waiting', 'paused', 'stopped', 'failed', 'running', 'done'] as const
      for (const [n, status] of statuses.entries()) {
        const epoch = await driven(store, `${status}${n}`)
        await store.append(`${status}${n}`, epoch, [], { status, release: true, ...(n === 0 ? { wakeAt: 50 } : {}) })
      }
      const due = async (now: number) => (await store.due(now)).map((run) => run.id)
      expect(await due(49)).toEqual(['queued'])
      expect(await due(50)).toEqual(['queued', 'waiting0'])
      for (const [n, status] of statuses.entries()) await store.post(`${status}${n}`, message('m'))
      expect(await due(0)).toEqual(['queued', 'waiting0', 'waiting1'])
      for (const [n, status] of statuses.entries()) await store.post(`${status}${n}`, message('c', 'cancel'))
      expect(await due(0)).toEqual(['queued', 'waiting0', 'waiting1', 'paused2', 'stopped3'])
      for (const [n, status] of statuses.entries()) await store.post(`${status}${n}`, message('r', 'reopen'))
      expect(await due(0)).toEqual(['queued', 'waiting0', 'waiting1', 'paused2', 'stopped3', 'failed4'])
    })

    test('a subscriber hears of appends and posts to its run, also through another handle, until it stops', async () => {
      const { store, again } = await open()
      const other = await again()
      const epoch = await driven(store, 'a')
      await store.createRun(newRun('b'))
      const heard = vi.fn()
      const unrelated = vi.fn()
      const stop = store.subscribe('a', heard)
      store.subscribe('b', unrelated)
      const hears = async (change: () => Promise<unknown>) => {
        const before = heard.mock.calls.length
        await change()
        await vi.waitFor(() => expect(heard.mock.calls.length).toBeGreaterThan(before), { timeout: 10_000 })
      }
      await hears(() => store.append('a', epoch, [event(1)]))
      await hears(() => store.post('a', message('m')))
      await hears(() => other.append('a', epoch, [event(2)]))
      await hears(() => other.post('a', message('n')))
      stop()
      const count = heard.mock.calls.length
      await store.append('a', epoch, [event(3)])
      await store.getRun('a')
      expect(heard).toHaveBeenCalledTimes(count)
      expect(unrelated).not.toHaveBeenCalled()
    })
  })
}
