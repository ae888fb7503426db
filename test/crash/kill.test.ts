import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeAll, expect, test } from 'vitest'
import { type Engine, endEngines, startEngine, until } from '../fixtures/engine.ts'
import { scratch } from '../fixtures/repo.ts'
import { calmOutcome, driveToEnd, expectSameAs, inFlight, makeScene, type Outcome } from './goal.ts'

const kills = Number(process.env.CRASH_KILLS ?? 50)
const seed = Number(process.env.CRASH_SEED ?? Math.floor(Math.random() * 2 ** 31))
const random = randomFrom(seed)

/** So many kills would use up a cap of tokens by what was reserved alone, and the run would rightly stop. */
const uncapped = {}

let calm: Outcome
let bootMs = 0
let runMs = 0

beforeAll(async () => {
  using place = scratch()
  const scene = makeScene(place.path, uncapped)
  calm = await calmOutcome(scene)
  // Measured warm, and by the journal, so that kills fall on the run and not on the start of the process.
  using again = scratch()
  const second = makeScene(again.path, uncapped)
  const start = performance.now()
  const engine = startEngine(second.job)
  await until('the run begins', () => engine.said.some((each) => each.claimed !== undefined))
  bootMs = performance.now() - start
  await engine.gone
  runMs = performance.now() - start - bootMs
  console.log(`seed ${seed} (CRASH_SEED repeats it): a run of ${runMs.toFixed(0)} ms, ${calm.events.length} events`)
})

afterEach(endEngines)

test(`a run killed at ${kills} random moments comes to what it would have come to`, async () => {
  const moments: number[] = []
  for (let round = 1; moments.length < kills; round++) {
    using place = scratch()
    const scene = makeScene(place.path, uncapped)
    const engines: Engine[] = []
    let lost = 0
    let seq = 0
    const wanted = Math.min(1 + Math.floor(random() * 5), kills - moments.length)
    while (engines.length < wanted) {
      const engine = startEngine(scene.job)
      engines.push(engine)
      // The first kill falls anywhere in the run; each later one anywhere in what is left of it, by the journal.
      const left = 1 - seq / calm.events.length
      const moment = bootMs * 0.8 + random() * (bootMs * 0.2 + runMs * Math.max(left, 0.1))
      await Promise.race([sleep(moment), engine.gone])
      engine.child.kill('SIGKILL')
      if ((await engine.gone) !== 'SIGKILL') break
      const found = await inFlight(scene)
      lost += found.calls
      seq = found.seq
      moments.push(found.seq)
    }
    await driveToEnd(scene, engines)
    await expectSameAs(calm, scene, lost)
    expect(round, 'far too few kills met a live run').toBeLessThan(4 * kills)
  }
  console.log(
    `killed at the journal's events ${moments.toSorted((a, b) => a - b).join(' ')} (of ${calm.events.length})`,
  )
  expect(moments.length).toBe(kills)
})

function randomFrom(start: number): () => number {
  let state = start >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
