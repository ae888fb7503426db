import { join } from 'node:path'
import { lineFile } from './bare.ts'
import { openEngine } from './engine.ts'
import type { Benchmark, Figure } from './figure.ts'
import { agentLoop, mockAgent, paceOf, stepLoop, type Timed } from './iteration-work.ts'
import { scratch } from './place.ts'
import { chars, textMaker } from './text.ts'

/** Plays N iterations on a fresh store with the run folder on. */
async function play(make: (count: number, timed: Timed) => ReturnType<typeof stepLoop>, count: number) {
  using place = scratch()
  const timed: Timed = { marks: [] }
  const loop = make(count, timed)
  const engine = await openEngine({ home: place.path, loops: [loop], agent: mockAgent(), folder: true })
  await engine.play(loop.name)
  await engine.close()
  return paceOf(timed)
}

/** The same text in three lines per iteration; `sync` after each line, each iteration, or never. */
function lines(count: number, sync: 'step' | 'iteration' | 'never'): number {
  using place = scratch()
  const file = lineFile(join(place.path, 'lines.jsonl'))
  const text = textMaker()
  const start = performance.now()
  for (let i = 0; i < count; i++) {
    for (const [name, length] of Object.entries(chars)) {
      file.append(JSON.stringify({ iteration: i, name, text: text(length) }))
      if (sync === 'step') file.sync()
    }
    if (sync === 'iteration') file.sync()
  }
  const spent = performance.now() - start
  file.close()
  return spent / count
}

/** plan → work → review with 3.4 kB of new text: does an iteration cost the same however many came before it? */
export const iteration: Benchmark = {
  name: 'iteration',
  about: 'plan → work → review, 3.4 kB of new text (synchronous=FULL, run folder on, no workspace)',
  async run({ quick }) {
    await play(stepLoop, 200)
    await play(agentLoop, 100)
    const figures: Figure[] = []
    for (const count of quick ? [100, 1000] : [100, 1000, 5000]) {
      const floor = lines(count, 'step')
      const steps = await play(stepLoop, count)
      const agents = await play(agentLoop, count)
      const last = count === 5000 ? { target: { value: 1 } } : {}
      const against = 'JSONL, fdatasync per step'
      const at = `n${count}`
      figures.push(
        { name: `jsonl_${at}`, value: lines(count, 'never'), unit: 'ms', note: 'floor: append, no sync' },
        { name: `jsonl_sync_iteration_${at}`, value: lines(count, 'iteration'), unit: 'ms', note: 'floor: fdatasync' },
        { name: `jsonl_sync_step_${at}`, value: floor, unit: 'ms', note: 'floor: fdatasync after each of 3 lines' },
        { name: `iteration_steps_${at}`, value: steps.mean, unit: 'ms', floor, against, ...last, note: '3 commits' },
        { name: `iteration_agents_${at}`, value: agents.mean, unit: 'ms', floor, against, ...last, note: '7 commits' },
      )
      for (const [kind, pace] of Object.entries({ steps, agents })) {
        figures.push({
          name: `iteration_${kind}_${at}_last_tenth`,
          value: pace.last,
          unit: 'ms',
          floor: pace.first,
          against: 'first tenth',
          ...(count === 5000 ? { target: { ratio: 1.1 } } : {}),
        })
      }
    }
    return figures
  },
}
