import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { sample, sampleInterval } from './sampler.ts'

test('looks are as far apart as a stall needs, and never closer or farther than sense', () => {
  expect([undefined, 100, 1000, 20_000, 600_000].map(sampleInterval)).toEqual([5000, 50, 100, 2000, 5000])
})

test('it looks again and again until it is stopped', async () => {
  let looks = 0
  const { promise, resolve } = Promise.withResolvers<void>()
  const stop = sample({ members: () => [] }, 5, () => {
    looks++
    if (looks === 5) resolve()
  })
  await promise
  stop()
  const then = looks
  await sleep(50)
  expect(looks).toBe(then)
})
