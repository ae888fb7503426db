import { join } from 'node:path'
import { defineLoop } from '../src/engine/define.ts'
import { bareTable } from './bare.ts'
import { openEngine } from './engine.ts'
import { type Benchmark, median } from './figure.ts'
import { scratch } from './place.ts'

/** Steps in a row before it is the other's turn; the disk's mood changes more slowly than that. */
const perBlock = 50

/** One recorded step against one bare commit of the same row, taking turns on the same disk. */
export const durableStep: Benchmark = {
  name: 'durable-step',
  about: 'one recorded step (one commit, synchronous=FULL, no run folder)',
  async run({ quick }) {
    using place = scratch()
    const bare = bareTable(join(place.path, 'bare.db'))
    const blocks = quick ? 20 : 80
    const ours: number[] = []
    const theirs: number[] = []
    const steps = defineLoop({
      name: 'steps',
      run: async (loop) => {
        for (let block = -3; block < blocks; block++) {
          let start = performance.now()
          for (let i = 0; i < perBlock; i++) await loop.step('work', () => ({ answer: i }))
          const own = (performance.now() - start) / perBlock
          start = performance.now()
          for (let i = 0; i < perBlock; i++) {
            const key = `0/:${(block + 3) * perBlock + i}`
            const event = { kind: 'step_settled', key, name: 'work', attempt: 1, value: { answer: i } }
            bare.insert(JSON.stringify(event))
          }
          if (block < 0) continue // the first blocks warm both up
          ours.push(own)
          theirs.push((performance.now() - start) / perBlock)
        }
      },
    })
    const engine = await openEngine({ home: place.path, loops: [steps] })
    await engine.play('steps')
    await engine.close()
    bare.close()
    return [
      {
        name: 'durable_step',
        value: median(ours),
        unit: 'ms',
        floor: median(theirs),
        against: 'bare node:sqlite commit of the same row',
        target: { ratio: 1.3 },
      },
    ]
  },
}
