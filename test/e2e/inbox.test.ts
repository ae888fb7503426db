import { expect, test } from 'vitest'
import type { App } from '../../src/app.ts'
import { answerAsk, decide, giveAnswers, openAsk } from '../../src/compose/answer.ts'
import { inboxOf } from '../../src/compose/inbox.ts'
import type { Json } from '../../src/core/json.ts'
import { defineLoop } from '../../src/engine/define.ts'
import { decideIn } from '../../src/surfaces/cli/commands/inbox.ts'
import { main } from '../../src/surfaces/cli/main.ts'
import { bench } from './bench.ts'
import { fakeIo } from './fake-io.ts'

const escalation = {
  kind: 'escalation',
  pattern: 'ci-sweeper',
  item: 'ci:main/test',
  title: 'Mend the tests',
  reason: 'src/pay.ts is on the denylist',
  files: ['src/pay.ts'],
  branch: 'loopwright/x',
}

/** Asks what its spec says, and ends with the answer. */
const asks = defineLoop({ name: 'asks', run: (loop, request: Json) => loop.ask('decide', request) })
/** Asks two things at once. */
const asksTwo = defineLoop({
  name: 'asks-two',
  run: (loop) => loop.parallel([1, 2], (branch, n) => branch.ask('decide', { ...escalation, title: `Change ${n}` })),
})

async function scene() {
  const b = await bench()
  const open = () => b.open({}, { loops: [asks, asksTwo] })
  const app = await open()
  return {
    ...b,
    app,
    again: open,
    /** A run that waits for its answer. */
    async waiting(request: Json = escalation, loop = 'asks') {
      const run = await app.runs.start({ loop, spec: request, project: b.project })
      return await app.runs.drive(run.id)
    },
    /** Types a command, which knows nothing of our loops. */
    async type(...args: string[]) {
      const env = { PATH: process.env.PATH, HOME: b.path, LOOPWRIGHT_HOME: b.home, NO_COLOR: '1' }
      const io = fakeIo({ cwd: b.project, env })
      const code = await main(args, io)
      return { code, out: io.out(), err: io.err() }
    },
    [Symbol.asyncDispose]: () => b[Symbol.asyncDispose](),
  }
}

const decideHere = async (app: App, run: string, approved: boolean, flags = {}) => {
  const io = fakeIo({ env: { NO_COLOR: '1' } })
  const code = await decideIn(app, io, run, approved, { quiet: true, ...flags })
  return { code, out: io.out(), err: io.err() }
}

test('an approval answers the escalation and drives the run to its end', async () => {
  await using s = await scene()
  const { id } = await s.waiting()
  expect(await inboxOf(s.app, Date.now())).toMatchObject([{ run_id: id, kind: 'escalation', answered: false }])
  expect(await decideHere(s.app, id, true, { note: ' go ahead ' })).toMatchObject({ code: 0 })
  const run = await s.app.runs.get(id)
  expect(run).toMatchObject({ status: 'done', result: { approved: true, note: 'go ahead' } })
  expect((run.result as { by: string }).by).not.toBe('')
  expect(await inboxOf(s.app, Date.now(), true)).toEqual([])
})

test('a denial is an end too, and a success of the one who denies', async () => {
  await using s = await scene()
  const { id } = await s.waiting()
  expect(await decideHere(s.app, id, false, { json: true })).toMatchObject({ code: 0 })
  expect(await s.app.runs.get(id)).toMatchObject({ status: 'done', result: { approved: false, note: '' } })
})

test('the inbox shows on the command line what waits, and what to type', async () => {
  await using s = await scene()
  expect(await s.type('inbox')).toMatchObject({ code: 0, out: '', err: 'nothing waits for you\n' })
  const { id } = await s.waiting()
  const { id: other } = await s.waiting({ questions: ['Which port?', 'Which name?'] })
  const { out } = await s.type('inbox')
  expect(
    out
      .replaceAll(/\d+s ago/g, 'now')
      .replaceAll(id, 'RUN')
      .replaceAll(other, 'OTHER'),
  ).toBe(`Mend the tests
  escalation RUN · ci-sweeper · now · waiting
  why      src/pay.ts is on the denylist
  files    src/pay.ts
  branch   loopwright/x
  type     loopwright diff RUN
           loopwright approve RUN
           loopwright deny RUN --note "…"

Which port?
  question OTHER · asks · now · waiting
           Which name?
  type     loopwright answer OTHER "…" "…"
`)
  const json = await s.type('inbox', '--json')
  expect(JSON.parse(json.out).items).toHaveLength(2)
})

test('a loop that only its own program knows is answered, and goes on there', async () => {
  await using s = await scene()
  const { id } = await s.waiting()
  expect(await s.type('approve', id)).toEqual({
    code: 0,
    out: `approved ${id}: the program it belongs to goes on with it\n`,
    err: '',
  })
  expect(await inboxOf(s.app, Date.now())).toMatchObject([{ answered: true, commands: [`loopwright resume ${id}`] }])
  expect(await s.app.runs.drive(id)).toMatchObject({ status: 'done', result: { approved: true } })
})

test('what was decided before is not decided again, and it says who did', async () => {
  await using s = await scene()
  const { id } = await s.waiting()
  await decide(s.app, { run: id }, { approved: true, by: 'ada' })
  const denied = `run ${id}: this was approved by ada already; it is waiting`
  await expect(decide(s.app, { run: id }, { approved: false })).rejects.toMatchObject({
    code: 'conflict',
    message: denied,
  })
  await s.app.runs.drive(id)
  expect(await s.type('approve', id)).toMatchObject({
    code: 2,
    err: expect.stringContaining('this was approved by ada already; it is done'),
  })
  expect(await s.app.runs.get(id)).toMatchObject({ result: { approved: true, by: 'ada' } })
})

test('of many who decide at once one counts, and all others are told', async () => {
  await using s = await scene()
  const [other, { id }] = [await s.again(), await s.waiting()]
  const all = await Promise.allSettled(
    [0, 1, 2, 3, 4, 5].map((n) =>
      decide(n % 2 ? s.app : other, { run: id }, { approved: n % 2 === 0, by: `person ${n}` }),
    ),
  )
  expect(all.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
  const first = all.findIndex(({ status }) => status === 'fulfilled')
  for (const one of all) if (one.status === 'rejected') expect(one.reason).toMatchObject({ code: 'conflict' })
  expect(await s.app.runs.drive(id)).toMatchObject({ result: { approved: first % 2 === 0, by: `person ${first}` } })
})

test('a run that is killed meanwhile takes no decision', async () => {
  await using s = await scene()
  const { id } = await s.waiting()
  const open = await openAsk(s.app, { run: id })
  await s.app.runs.kill(id)
  await expect(answerAsk(s.app, open, { approved: true })).rejects.toMatchObject({
    code: 'conflict',
    message: `run ${id}: it ended before the answer came; it is killed`,
  })
  expect(await s.type('approve', id)).toMatchObject({ code: 2, err: expect.stringContaining('it is killed') })
  expect(await s.type('inbox')).toMatchObject({ out: '' })
})

test('what takes words is not approved: it says what to type', async () => {
  await using s = await scene()
  const { id } = await s.waiting({ questions: ['Which port?'] })
  expect(await s.type('approve', id)).toMatchObject({
    code: 2,
    err: `loopwright: run ${id} asks for words, not for yes or no: Which port?\n  hint: loopwright answer ${id} "…"\n`,
  })
  const run = await giveAnswers(s.app, { run: id }, ['80'])
  expect(await s.app.runs.drive(run.id)).toMatchObject({ status: 'done', result: ['80'] })
})

test('yes and no are answers too, and nothing else is', async () => {
  await using s = await scene()
  const { id } = await s.waiting()
  expect(await s.type('answer', id, 'perhaps')).toMatchObject({ code: 2 })
  expect(await s.type('answer', id, 'no', 'too large')).toMatchObject({ code: 0 })
  expect(await s.app.runs.drive(id)).toMatchObject({ result: { approved: false, note: 'too large' } })
})

test('of two decisions that a run waits for one is named by its token', async () => {
  await using s = await scene()
  const { id } = await s.waiting({}, 'asks-two')
  const items = await inboxOf(s.app, Date.now())
  expect(items.map(({ title }) => title).sort()).toEqual(['Change 1', 'Change 2'])
  const tokens = items.map(({ token }) => token)
  const unnamed = await s.type('approve', id)
  expect(unnamed.err).toContain(`run ${id} asks for 2 decisions`)
  for (const token of tokens) expect(unnamed.err).toContain(token)
  await decideHere(s.app, tokens[0] ?? '', true)
  await decideHere(s.app, tokens[1] ?? '', false)
  expect(await s.app.runs.get(id)).toMatchObject({ status: 'done' })
})

test('nothing is decided in a run that nobody knows, or that asks nothing', async () => {
  await using s = await scene()
  expect(await s.type('approve', 'nobody')).toMatchObject({ code: 2, err: expect.stringContaining('no run "nobody"') })
  expect(await s.type('deny', '$(id)')).toMatchObject({ code: 2 })
  const { id } = await s.app.runs.start({ loop: 'asks', spec: escalation, project: s.project })
  expect(await s.type('approve', id)).toMatchObject({ code: 2, err: expect.stringContaining('it asks nothing') })
})
