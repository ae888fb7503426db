import { expect, test } from 'vitest'
import { kernel } from '../../test/fixtures/kernel.ts'
import type { TickDesk } from '../core/triage/ports.ts'
import type { TickDraft } from '../core/triage/tick.ts'
import type { LoopContext } from './context.ts'
import { defineLoop } from './define.ts'

const draft = { run: 'r', outcome: 'noop', reason: 'x' } as unknown as TickDraft

function desk(change: Partial<TickDesk> = {}) {
  const calls: string[] = []
  const note = async <T>(call: string, value: T) => {
    calls.push(call)
    return value
  }
  const plain: TickDesk = {
    halted: () => note('halted', undefined),
    standing: () => note('standing', { spent: 1, cap: null, attempts: {}, waiting: [], state: '', feedback: {} }),
    discover: () => note('discover', { findings: [], skipped: [] }),
    keep: () => note('keep', undefined),
    deliver: ({ how }) => note(`deliver ${how}`, { outcome: 'committed', branch: 'b', reason: 'r' } as const),
    record: (one) => note('record', { ...one, tokens: 1 } as never),
  }
  return { calls, desk: { ...plain, ...change } }
}

const play = (run: (loop: LoopContext) => Promise<unknown>, services: { readonly desk?: TickDesk }) =>
  kernel(defineLoop({ name: 'looks', run }), { services })

test('each look and each deed is a step: done once, and read from the journal afterwards', async () => {
  const world = desk()
  let dies = true
  const k = play(
    async (loop) => {
      const seen = [
        await loop.desk.halted(),
        await loop.desk.standing(),
        await loop.desk.discover(),
        await loop.desk.keep(),
        await loop.desk.deliver('branch', draft),
        await loop.desk.record(draft),
      ]
      if (dies) throw new Error('died here')
      return seen.length
    },
    { desk: world.desk },
  )
  const all = ['halted', 'standing', 'discover', 'keep', 'deliver branch', 'record']
  const run = await k.play()
  expect(world.calls).toEqual(all)
  dies = false
  await k.runs.reopen(run.id)
  expect((await k.drive(run.id)).result).toBe(6)
  expect(world.calls).toEqual(all)
  const steps = (await k.journal(run.id)).flatMap((event) => (event.kind === 'step_started' ? [event.effect] : []))
  expect(steps).toEqual(all.map(() => 'desk'))
})

test('why nothing may be done is a text or nothing, the first time and on replay', async () => {
  for (const why of [undefined, 'paused']) {
    const k = play(async (loop) => String(await loop.desk.halted()), { desk: desk({ halted: async () => why }).desk })
    expect((await k.play()).result).toBe(String(why))
  }
})

test('what is delivered and recorded is part of its step: other words on resume are another loop', async () => {
  let reason = 'one'
  let dies = true
  const k = play(
    async (loop) => {
      await loop.desk.record({ ...draft, reason })
      if (dies) throw new Error('died here')
      return 'done'
    },
    { desk: desk().desk },
  )
  const run = await k.play()
  reason = 'two'
  dies = false
  await k.runs.reopen(run.id)
  expect(await k.drive(run.id)).toMatchObject({ status: 'failed', reason: expect.stringContaining('record') })
})

test('what the desk refuses the loop hears, and may go on', async () => {
  const refuses = desk({ deliver: () => Promise.reject(new Error('L1 may not')) })
  const k = play(async (loop) => await loop.desk.deliver('merge', draft).catch((error: Error) => error.message), {
    desk: refuses.desk,
  })
  expect((await k.play()).result).toBe('L1 may not')
})

test('a run that is no tick has none', async () => {
  const k = play(async (loop) => await loop.desk.standing(), {})
  expect(await k.play()).toMatchObject({ status: 'failed', reason: expect.stringContaining('no tick') })
})
