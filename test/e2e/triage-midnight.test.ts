import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { reply } from '../../src/agents/scripted/reply.ts'
import { triageWorld } from '../fixtures/triage-app.ts'

const mend = reply({
  text: 'Mended it.',
  edits: [{ write: 'src/a.js', content: 'export const a = 1\n' }],
  usage: { inputTokens: 40_000, outputTokens: 0 },
})
const evening = Date.parse('2026-09-15T23:50:00Z')
const morning = evening + 20 * 60_000

/** From now on it is this time; it goes on as usual. */
function itIs(time: number): void {
  vi.restoreAllMocks()
  const offset = time - Date.now()
  const now = Date.now.bind(Date)
  vi.spyOn(Date, 'now').mockImplementation(() => now() + offset)
}

beforeEach(() => itIs(evening))
afterEach(() => {
  vi.restoreAllMocks()
})

test('a tick that was cut off before midnight is not gone on with after it: its budget was that of the day before', async () => {
  const cut = new AbortController()
  await using world = await triageWorld({
    implementer: () => {
      cut.abort()
      return mend
    },
  })
  await expect(world.tick('daily-triage', { signal: cut.signal })).rejects.toThrow()
  const [left] = await world.app.runs.list({ loop: 'triage' })
  itIs(morning)
  expect(await world.tick()).toMatchObject({ outcome: 'committed', spent: 40_000 })
  expect(await world.app.runs.get(left?.id ?? '')).toMatchObject({ status: 'killed' })
})

test('a fork of a tick of another day calls nobody', async () => {
  await using world = await triageWorld({ implementer: mend })
  const { run } = await world.tick()
  const calls = world.calls.length
  itIs(morning)
  const fork = await world.app.runs.fork(run, 1)
  expect(await world.app.runs.drive(fork.id)).toMatchObject({
    result: { outcome: 'halted', reason: expect.stringMatching(/another day/) },
  })
  expect(world.calls).toHaveLength(calls)
})

test('what waited for a human over midnight is delivered all the same', async () => {
  await using world = await triageWorld({
    implementer: reply({ text: 'done', edits: [{ write: 'auth/login.js', content: 'x\n' }] }),
  })
  const result = await world.tick()
  expect(result.outcome).toBe('escalated')
  itIs(morning)
  const view = await world.app.view(result.run)
  await world.app.runs.answer(result.run, view.asks[0]?.id ?? '', { approved: true, note: '', by: 'ada' })
  expect(await world.app.runs.drive(result.run)).toMatchObject({ result: { outcome: 'committed' } })
})
