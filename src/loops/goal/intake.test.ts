import { expect, test } from 'vitest'
import { goalWorld } from '../../../test/fixtures/goal.ts'
import { of } from '../../../test/fixtures/kernel.ts'
import { reply } from '../../agents/scripted/reply.ts'

const finished = async (world: ReturnType<typeof goalWorld>, id: string) =>
  of(await world.journal(id), 'emitted').find(({ name }) => name === 'intake_finished')?.data

test('given criteria are taken as they are, and nobody is asked', async () => {
  const world = goalWorld()
  const run = await world.win({ criteria: ['a', 'b'] })
  expect(world.prompts('criteria')).toEqual([])
  expect(world.prompts('clarifier')).toEqual([])
  expect(await finished(world, run.id)).toEqual({ criteria: ['a', 'b'], questions: [] })
})

test('without criteria the agent proposes them, and everyone after is told', async () => {
  const world = goalWorld({ agent: { replies: { criteria: { criteria: ['it compiles', 'it runs'] } } } })
  await world.win({ criteria: [] })
  for (const role of ['decomposer', 'worker', 'reviewer'])
    expect(world.prompts(role)[0]).toContain('Success criteria:\n- it compiles\n- it runs')
})

test.each([
  ['fails', reply({ outcome: 'failed', message: 'broken' })],
  ['throws', reply({ throw: 'crashed' })],
  ['proposes none', { criteria: [] }],
])('an agent that %s leaves the default criteria; intake never blocks', async (_, criteria) => {
  const world = goalWorld({ agent: { replies: { criteria } }, retries: 0 })
  const run = await world.win({ criteria: [] })
  expect(run.status).toBe('done')
  expect(await finished(world, run.id)).toMatchObject({ criteria: ['Complete the goal as stated.'] })
})

test('with ask, what is unclear is asked: at most four questions, and the run waits', async () => {
  const world = goalWorld({ agent: { questions: ['a?', 'b?', 'c?', 'd?', 'e?'] } })
  const run = await world.win({ ask: true })
  expect(run).toMatchObject({ status: 'waiting', reason: 'input' })
  expect(of(await world.journal(run.id), 'ask_opened')).toMatchObject([
    { name: 'clarify', request: { questions: ['a?', 'b?', 'c?', 'd?'], criteria: ['it is won'] } },
  ])
})

test('answers go with their questions to everyone; one left out is for the agents to decide', async () => {
  const world = goalWorld({ agent: { questions: ['which one?', 'how fast?'] } })
  const run = await world.win({ ask: true })
  const [ask] = of(await world.journal(run.id), 'ask_opened')
  await world.runs.answer(run.id, ask?.ask ?? '', { answers: ['the red one'], criteria: ['it is red'] })
  expect(await world.drive(run.id)).toMatchObject({ status: 'done' })
  for (const role of ['decomposer', 'worker', 'reviewer']) {
    const [prompt] = world.prompts(role)
    expect(prompt).toContain('Clarified:\n- which one? the red one\n- how fast? decide yourself')
    expect(prompt).toContain('Success criteria:\n- it is red')
  }
})

test.each([
  ['a list', ['the red one']],
  ['one text', 'the red one'],
])('an answer may be %s', async (_, answer) => {
  const world = goalWorld({ agent: { questions: ['which one?'] } })
  const run = await world.win({ ask: true })
  await world.runs.answer(run.id, of(await world.journal(run.id), 'ask_opened')[0]?.ask ?? '', answer)
  await world.drive(run.id)
  expect(world.prompts('worker')[0]).toContain('which one? the red one')
})

test.each([null, 7, {}, { answers: 'the red one' }, { answers: [7], criteria: 'x' }])(
  'an answer that is no answer (%j) does not end the run',
  async (answer) => {
    const world = goalWorld({ agent: { questions: ['which one?'] } })
    const run = await world.win({ ask: true })
    await world.runs.answer(run.id, of(await world.journal(run.id), 'ask_opened')[0]?.ask ?? '', answer)
    const done = await world.drive(run.id)
    expect(done.reason).toBe('done')
    expect(world.prompts('worker')[0]).toContain('Success criteria:\n- ')
  },
)

test('with ask and nothing unclear, the run goes on', async () => {
  const world = goalWorld()
  expect(await world.win({ ask: true })).toMatchObject({ status: 'done' })
})

test('an empty answer leaves the decision to the agents, and answers keep their places', async () => {
  const world = goalWorld({ agent: { questions: ['a?', 'b?', 'c?'] } })
  const run = await world.win({ ask: true })
  await world.runs.answer(run.id, of(await world.journal(run.id), 'ask_opened')[0]?.ask ?? '', ['', 2, 'three'])
  await world.drive(run.id)
  expect(world.prompts('worker')[0]).toContain('- a? decide yourself\n- b? 2\n- c? three')
})
