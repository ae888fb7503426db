import { expect, test } from 'vitest'
import { type Kernel, kernel } from '../../test/fixtures/kernel.ts'
import type { Agent } from '../core/ports.ts'
import type { Role } from '../core/role.ts'
import type { LoopContext } from '../engine/context.ts'
import { type AnyLoop, defineLoop } from '../engine/define.ts'
import { memoryBlobs } from '../store/blobs.ts'
import { type RecordedRun, replayTest } from './replay.ts'

const make = (run: (loop: LoopContext) => Promise<unknown>): AnyLoop => defineLoop({ name: 'tested', run })

async function record(k: Kernel, id: string): Promise<RecordedRun> {
  return { run: await k.runs.get(id), events: await k.journal(id) }
}

async function recorded(loop: AnyLoop): Promise<RecordedRun> {
  const k = kernel(loop)
  return await record(k, (await k.play()).id)
}

const original = make(async (loop) => {
  const words = await loop.parallel(['a', 'b'], (branch, word) => branch.step(`say ${word}`, () => word))
  await loop.iteration()
  const answer = await loop.ask('well', {})
  return [words, answer]
})

test('a loop that has not changed fits what it recorded, finished or not', async () => {
  const k = kernel(original)
  const run = await k.play()
  const waiting = await record(k, run.id)
  await k.runs.answer(run.id, '0/:2', 'fine')
  await k.drive(run.id)
  const done = await record(k, run.id)
  const outcomes = await replayTest(original, [waiting, done])
  expect(outcomes).toEqual([
    { run: run.id, ok: true, ending: { type: 'suspended', reason: 'input' } },
    { run: run.id, ok: true, ending: { type: 'finished', value: [['a', 'b'], 'fine'] } },
  ])
})

test('a loop that asks for another step diverges, and the outcome names both', async () => {
  const changed = make(async (loop) => {
    await loop.step('warm up', () => 1)
  })
  const before = make(async (loop) => {
    await loop.step('work', () => 1)
  })
  const [outcome] = await replayTest(changed, [await recorded(before)])
  const message = "the loop asked for step 'warm up' where the journal holds 'work' (0/:0)"
  expect(outcome).toMatchObject({ ok: false, ending: { type: 'failed', error: { code: 'loop_diverged', message } } })
})

test('a loop that no longer comes to a recorded step diverges', async () => {
  const changed = make(async (loop) => {
    await loop.parallel(['a'], (branch, word) => branch.step(`say ${word}`, () => word))
    await loop.ask('well', {})
  })
  const [outcome] = await replayTest(changed, [await recorded(original)])
  expect(outcome).toMatchObject({ ok: false, ending: { type: 'failed', error: { code: 'loop_diverged' } } })
})

test('a loop that hangs on something foreign does not fit', async () => {
  const changed = make(() => new Promise(() => {}))
  const [outcome] = await replayTest(changed, [await recorded(make(async () => 'done'))])
  expect(outcome).toMatchObject({ ok: false, ending: { type: 'failed', error: { code: 'foreign_await' } } })
})

test('a loop that goes on beyond the record fits, and nothing of what it would do is done', async () => {
  let performed = 0
  const longer = make(async (loop) => {
    await loop.step('first', () => 1)
    await loop.step('second', () => ++performed)
  })
  const shorter = make(async (loop) => {
    await loop.step('first', () => 1)
    throw new Error('died here')
  })
  const [outcome] = await replayTest(longer, [await recorded(shorter)])
  expect(outcome).toMatchObject({ ok: true, ending: { type: 'paused', reason: 'nothing more is recorded' } })
  expect(performed).toBe(0)
})

test('a loop that fails where the recorded run did not does not fit; one that fails as it did, does', async () => {
  const fine = make(async (loop) => await loop.step('first', () => 1))
  const broken = make(async (loop) => {
    await loop.step('first', () => 1)
    throw new Error('a slip')
  })
  const outcomes = await replayTest(broken, [await recorded(fine), await recorded(broken)])
  expect(outcomes.map(({ ok }) => ok)).toEqual([false, true])
})

test('replay starts at the last segment, with its state', async () => {
  const chapters = make(async (loop) => {
    const { chapter } = (loop.state ?? { chapter: 1 }) as { chapter: number }
    await loop.step(`write ${chapter}`, () => chapter)
    return chapter < 3 ? loop.continueAs({ chapter: chapter + 1 }) : chapter
  })
  const [outcome] = await replayTest(chapters, [await recorded(chapters)])
  expect(outcome).toMatchObject({ ok: true, ending: { type: 'finished', value: 3 } })
})

test('values in files are read where the journal says, and missed where nobody has them', async () => {
  const blobs = memoryBlobs()
  const large = make(async (loop) => (await loop.step('large', () => 'x'.repeat(1_000))).length)
  const k = kernel(large, { blobs, limits: { blobChars: 100 } })
  const journal = await record(k, (await k.play()).id)
  const outcomes = await replayTest(large, [{ ...journal, blobs }, journal])
  expect(outcomes.map(({ ok, ending }) => [ok, ending.type])).toEqual([
    [true, 'finished'],
    [false, 'lost'],
  ])
})

test('agents are retried as the recorded run retried them', async () => {
  const worker: Role<string, string> = { name: 'worker', system: 'work', prompt: (input) => input }
  const agent: Agent = { name: 'fails', run: async () => ({ text: '', outcome: 'failed' }) }
  const tries = make(async (loop) => (await loop.agent(worker, 'go')).calls)
  const k = kernel(tries, { services: { role: () => ({ agent, retries: 3 }), workspace: async () => ({}) as never } })
  const run = await k.play({ meta: { settings: { retries: 3 } } })
  expect(run.result).toBe(4)
  const journal = await record(k, run.id)
  const [says] = await replayTest(tries, [journal])
  expect(says).toMatchObject({ ok: true, ending: { type: 'finished', value: 4 } })
  const unknown = { ...journal, run: { ...journal.run, meta: {} } }
  expect((await replayTest(tries, [unknown]))[0]?.ok).toBe(false)
  expect((await replayTest(tries, [unknown], { retries: 3 }))[0]?.ok).toBe(true)
})
