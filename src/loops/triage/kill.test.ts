import { expect, test } from 'vitest'
import { quiet } from '../../../test/fixtures/kernel.ts'
import { mortal } from '../../../test/fixtures/mortal.ts'
import { actOn, type DeskCall, finding, ticked, triageWorld, verdict } from '../../../test/fixtures/triage.ts'
import type { Store } from '../../core/ports.ts'
import type { TickResult } from '../../core/triage/tick.ts'
import { memoryStore } from '../../store/memory.ts'
import { FakeClock } from '../../testing/clock.ts'

/** A tick that acts; one that is escalated; one that reports. */
const worlds = {
  delivered: {},
  escalated: { '.env': 'A=2\n' },
  rejected: { none: '' },
} as const
type Name = keyof typeof worlds

function world(name: Name, store?: Store, clock = new FakeClock()) {
  return triageWorld({
    kernel: { clock, ...(store === undefined ? {} : { store }) },
    findings: [finding('todo:1'), finding('todo:2')],
    agent: (request, disk) => {
      if (request.role === 'triager') {
        disk.write({ 'left.txt': 'x\n' })
        return actOn('todo:2')
      }
      if (request.role === 'verifier') return verdict(name === 'rejected' ? 'REJECT' : 'APPROVE')
      disk.write({ 'src/a.ts': 'two\n', ...(name === 'escalated' ? worlds.escalated : {}) })
      return 'done'
    },
  })
}

/** What a tick came to, but for the names of commits. */
const facts = ({ change, ...result }: TickResult, run: string) =>
  JSON.parse(JSON.stringify({ ...result, change: { ...change, commit: 'c' } }).replaceAll(run, 'RUN'))

/** What the desk was asked, each thing once, in the order of its first time; how often, at most. */
function asked(calls: readonly DeskCall[], run: string) {
  const counts = new Map<string, number>()
  for (const { call, given } of calls) {
    if (call === 'halted') continue
    const key = JSON.stringify({ call, given })
      .replaceAll(run, 'RUN')
      .replace(/"commit":"[0-9a-f]+"/g, '"commit":"c"')
    counts.set(key, (counts.get(key) ?? 0) + 1)
  }
  return { calls: [...counts.keys()], most: Math.max(...counts.values()) }
}

/** Drives a tick to its end, by another driver once the first has died, and says yes when it asks. */
async function through(first: ReturnType<typeof world>, id: string, died: () => boolean) {
  let answered = false
  for (;;) {
    const { status } = await first.runs.get(id)
    if (status === 'done') return
    if (status === 'waiting' && !answered) {
      const asks = (await first.journal(id)).flatMap((event) => (event.kind === 'ask_opened' ? [event.ask] : []))
      expect(asks).toHaveLength(1)
      answered = await first.runs.answer(id, asks[0] ?? '', { approved: true, by: 'ada', note: '' })
    }
    if (died()) {
      await first.other().drive(id)
      continue
    }
    let over = false
    const driving = first.runs.drive(id).then(() => {
      over = true
    })
    for (let turns = 0; turns < 400 && !died() && !over; turns++) {
      await Promise.race([quiet(), driving])
      if (!died() && !over) first.clock.step()
    }
  }
}

test.each(
  (Object.keys(worlds) as Name[]).flatMap((name) =>
    (['before', 'after'] as const).map((when) => [name, when] as const),
  ),
)('a tick that is %s comes to the same though its driver dies %s any append', async (name, when) => {
  const whole = world(name)
  const run = await whole.tick()
  const done = name === 'escalated' ? await whole.decide(run, { approved: true, by: 'ada', note: '' }) : run
  const expected = facts(ticked(done), done.id)
  expect(expected.outcome).toBe(name === 'rejected' ? 'rejected' : 'committed')
  const wanted = asked(whole.desk, done.id)
  expect(wanted.most).toBe(1)
  let deaths = 0
  for (let n = 2; ; n++) {
    const clock = new FakeClock()
    const { store, died } = mortal(memoryStore({ now: () => clock.now() }), n, when)
    const first = world(name, store, clock)
    const begun = await first.begin()
    await through(first, begun.id, died)
    const ended = await first.runs.get(begun.id)
    expect(facts(ticked(ended), begun.id), `death at append ${n}`).toEqual(expected)
    expect(first.shown(ended, 'src/a.ts')).toBe(name === 'rejected' ? undefined : 'two\n')
    expect(first.shown(ended, 'left.txt')).toBeUndefined()
    const got = asked(first.desk, begun.id)
    expect(got.calls, `death at append ${n}`).toEqual(wanted.calls)
    expect(got.most).toBeLessThanOrEqual(2)
    // Only what was in flight ran twice.
    expect(first.log.length - whole.log.length).toBeLessThanOrEqual(1)
    if (!died()) break
    deaths++
  }
  expect(deaths).toBeGreaterThan(30)
})
