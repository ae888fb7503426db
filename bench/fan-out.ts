import { setTimeout as sleep } from 'node:timers/promises'
import { defineLoop } from '../src/engine/define.ts'
import { openEngine } from './engine.ts'
import { type Benchmark, median } from './figure.ts'
import { scratch } from './place.ts'

const workers = 100
const workMs = 50

/** 100 workers of 50 ms at once, each recorded and counted in the budget as an agent call is. */
export const fanOut: Benchmark = {
  name: 'fan-out',
  about: `${workers} workers of ${workMs} ms at once, durable: time until all have ended`,
  async run({ quick }) {
    using place = scratch()
    const items = Array.from({ length: workers }, (_, i) => i)
    const asSteps: number[] = []
    const asAgents: number[] = []
    const bare: number[] = []
    const role = { name: 'worker', system: 'work', prompt: (input: string) => input }
    const fan = defineLoop({
      name: 'fan',
      run: async (loop) => {
        for (let round = -2; round < (quick ? 3 : 11); round++) {
          const start = performance.now()
          await loop.parallel(items, (branch, i) =>
            branch.step('work', async () => {
              await sleep(workMs)
              return { i }
            }),
          )
          const stepped = performance.now()
          await loop.parallel(items, (branch, i) => branch.agent(role, `piece ${i}`))
          const called = performance.now()
          await Promise.all(items.map(() => sleep(workMs)))
          if (round < 0) continue
          asSteps.push(stepped - start)
          asAgents.push(called - stepped)
          bare.push(performance.now() - called)
        }
      },
    })
    const agent = {
      name: 'mock',
      run: async () => {
        await sleep(workMs)
        return { text: 'done', usage: { inputTokens: 700, outputTokens: 300 } }
      },
    }
    const engine = await openEngine({ home: place.path, loops: [fan], agent })
    await engine.play('fan')
    await engine.close()
    const floor = { floor: median(bare), against: 'Promise.all of timers', target: { value: 65 } }
    return [
      { name: 'fan_out_steps', value: median(asSteps), unit: 'ms', ...floor },
      { name: 'fan_out_agents', value: median(asAgents), unit: 'ms', ...floor, note: 'with start records and budget' },
    ]
  },
}
