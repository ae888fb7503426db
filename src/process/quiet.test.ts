import { expect, test } from 'vitest'
import { Quiet } from './quiet.ts'
import type { ProcessRow } from './table.ts'

function row(pid: number, cpuMs: number): ProcessRow {
  return { pid, parent: 1, group: pid, session: pid, started: `${pid}00`, zombie: false, cpuMs }
}

/** Looks once a second; gives the second at which it is called quiet, or undefined. */
function quietAt(seconds: number, sight: (second: number) => { rows?: ProcessRow[]; bytes?: number; held?: boolean }) {
  const quiet = new Quiet(10_000, 1000)
  for (let second = 0; second <= seconds; second++) {
    if (quiet.see({ at: second * 1000, rows: [], bytes: 0, held: false, ...sight(second) })) return second
  }
  return undefined
}

test('nothing printed and no work done for the limit is quiet, not a moment earlier', () => {
  expect(quietAt(30, () => ({ rows: [row(1, 500)] }))).toBe(10)
})

test('a byte now and then keeps it going', () => {
  expect(quietAt(100, (second) => ({ bytes: Math.floor(second / 9) }))).toBeUndefined()
  expect(quietAt(100, (second) => ({ bytes: Math.min(second, 20) }))).toBe(30)
})

test('work keeps it going, and waiting programs do not count as working', () => {
  expect(quietAt(100, (second) => ({ rows: [row(1, second * 1000)] }))).toBeUndefined()
  expect(quietAt(100, (second) => ({ rows: [row(1, second * 30)] }))).toBeUndefined()
  expect(quietAt(100, (second) => ({ rows: [row(1, second * 19)] }))).toBe(10)
})

test('it is quiet once the last work lies a limit back', () => {
  expect(quietAt(100, (second) => ({ rows: [row(1, Math.min(second, 20) * 1000)] }))).toBe(30)
})

test('work of processes that come and go counts', () => {
  expect(quietAt(100, (second) => ({ rows: [row(1, 0), row(second + 2, 300)] }))).toBeUndefined()
})

test('the same pid with another start is another process', () => {
  expect(quietAt(100, (second) => ({ rows: [{ ...row(7, 300), started: `${second}` }] }))).toBeUndefined()
})

test('a process that ends, and time that seems to run backwards, do no harm', () => {
  expect(quietAt(30, (second) => ({ rows: second < 3 ? [row(1, 900)] : [row(2, 5 - second / 10)] }))).toBe(10)
})

test('what waits for us is not quiet', () => {
  expect(quietAt(100, () => ({ held: true }))).toBeUndefined()
})

test('a machine that slept did not watch: the gap does not count', () => {
  const quiet = new Quiet(10_000, 1000)
  const see = (at: number) => quiet.see({ at, rows: [], bytes: 0, held: false })
  expect(see(0)).toBe(false)
  expect(see(3_600_000)).toBe(false)
  expect(see(3_601_000)).toBe(false)
  for (let second = 2; second < 8; second++) expect(see(3_600_000 + second * 1000)).toBe(false)
  expect(see(3_608_000)).toBe(true)
})
