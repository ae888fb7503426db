import type { JournalEvent } from '../src/core/event.ts'
import { defineLoop } from '../src/engine/define.ts'
import { openEngine } from './engine.ts'
import { type Benchmark, median } from './figure.ts'
import { scratch } from './place.ts'

const steps = 10_000

/** A run of 10,000 steps that was interrupted after the last: how long until it is where it was? */
export const resume: Benchmark = {
  name: 'resume',
  about: `resume of a journal of ${steps} steps up to its first new step`,
  async run({ quick }) {
    using place = scratch()
    let arrived = 0
    let onward = () => {}
    const long = defineLoop({
      name: 'long',
      run: async (loop) => {
        for (let i = 0; i < steps; i++) await loop.step('work', () => ({ answer: i }))
        arrived = performance.now()
        onward()
        await loop.receive('go on')
        return 'done'
      },
    })
    const engine = await openEngine({ home: place.path, loops: [long] })
    const run = await engine.runs.start({ loop: 'long', spec: {}, project: place.path })
    const reach = async () => {
      const there = new Promise<void>((resolve) => {
        onward = resolve
      })
      const stop = new AbortController()
      const start = performance.now()
      const driving = engine.runs.drive(run.id, { signal: stop.signal })
      await Promise.race([there, driving])
      stop.abort()
      await driving
      return arrived - start
    }
    await reach()
    const times: number[] = []
    for (let i = 0; i < (quick ? 1 : 5); i++) times.push(await reach())
    const reads: number[] = []
    for (let i = 0; i < 5; i++) {
      const start = performance.now()
      const events: JournalEvent[] = await engine.store.read(run.id)
      if (events.length < steps) throw new Error(`only ${events.length} events`)
      reads.push(performance.now() - start)
    }
    await engine.close()
    return [
      {
        name: 'resume_10k',
        value: median(times),
        unit: 'ms',
        floor: median(reads),
        against: 'reading and parsing the journal',
        target: { value: 500 },
      },
    ]
  },
}
