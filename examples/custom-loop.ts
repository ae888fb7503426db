// A loop of your own: an ordinary async function of its context. Every step is recorded, so a run that is killed goes on where
// it was; it ends by its budget, never by luck; and code, not a model, decides when it is done.
//
//     node examples/custom-loop.ts
//
// In a project of your own: import { defineLoop, type Role, scripted, startRun } from 'loopwright'
import { defineLoop, type Role, scripted, startRun } from '../src/index.ts'

interface Wish {
  readonly topic: string
  readonly feedback: string
}

const writer: Role<Wish, never> = {
  name: 'writer',
  system: 'You write haiku: three lines, nothing else.',
  prompt: ({ topic, feedback }) => `A haiku about ${topic}. ${feedback}`,
}

const haiku = defineLoop({
  name: 'haiku',
  async run(loop, spec: { topic: string }) {
    let feedback = ''
    for (;;) {
      const iteration = await loop.iteration()
      const drafts = await loop.parallel([1, 2], (branch) => branch.agent(writer, { topic: spec.topic, feedback }))
      const good = drafts.find((draft) => draft.text.trim().split('\n').length === 3)
      loop.emit('judged', { iteration, good: good !== undefined })
      if (good) return { completed: true, iterations: iteration, stop_reason: 'haiku', final_output: good.text }
      feedback = 'The last ones did not have three lines.'
    }
  },
})

// A stand-in for a real agent (`agent: 'claude-code'`): it gets the form wrong until it is told so.
const agent = scripted({
  replies: {
    writer: ({ prompt }) =>
      prompt.includes('three lines.')
        ? 'round and round it goes\na check says no, and again\nthen the test is green'
        : 'A loop.',
  },
})

const run = await startRun({ loop: haiku, spec: { topic: 'loops' }, agent, budget: { iterations: 4 } })
const { summary, final_output, iterations } = await run.result()
console.log(`${final_output}\n\n${summary} (${iterations} iterations)`)
