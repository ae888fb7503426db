import { defineLoop } from '../src/engine/define.ts'
import { openEngine } from './engine.ts'
import { type Benchmark, median } from './figure.ts'
import { scratch } from './place.ts'

const calls = 50

/** 50 tool calls in turn, and 50 at once, each a recorded step in a branch; the tool itself does nothing. */
export const toolCall: Benchmark = {
  name: 'tool-call',
  about: 'a recorded tool call (a step in a branch), 50 in turn and 50 in branches at once',
  async run({ quick }) {
    using place = scratch()
    const tool = async (x: number) => ({ ok: true, x })
    const inTurn: number[] = []
    const atOnce: number[] = []
    const bare: number[] = []
    const tools = defineLoop({
      name: 'tools',
      run: async (loop) => {
        for (let round = -3; round < (quick ? 10 : 40); round++) {
          const items = Array.from({ length: calls }, (_, i) => i)
          const start = performance.now()
          await loop.parallel([0], async (branch) => {
            for (const i of items) await branch.step('tool', () => tool(i), { input: { i } })
          })
          const turned = performance.now()
          await loop.parallel(items, (branch, i) => branch.step('tool', () => tool(i), { input: { i } }))
          const joined = performance.now()
          for (const i of items) await tool(i)
          if (round < 0) continue
          inTurn.push((turned - start) / calls)
          atOnce.push((joined - turned) / calls)
          bare.push((performance.now() - joined) / calls)
        }
      },
    })
    const engine = await openEngine({ home: place.path, loops: [tools] })
    await engine.play('tools')
    await engine.close()
    const floor = { floor: median(bare), against: 'the bare call, nothing recorded', target: { value: 0.2 } }
    return [
      { name: 'tool_call_in_turn', value: median(inTurn), unit: 'ms', ...floor },
      { name: 'tool_call_in_branches', value: median(atOnce), unit: 'ms', ...floor },
    ]
  },
}
