import { expect, test } from 'vitest'
import { check } from './check.ts'
import { hunt } from './mutate.ts'
import { mutations } from './mutations.ts'

// A failing seed is replayed with: node test/sim/main.ts --from SEED --seeds 1 --faults 100000
const seeds = 160

test('random programs come to the same end whatever happens to their driver', async () => {
  for (let seed = 1; seed <= seeds; seed++) {
    const { failures } = await check(seed, 6)
    expect(failures).toEqual([])
  }
})

test('a small program survives a fault at every single append', async () => {
  for (const seed of [4, 9, 12, 15]) {
    const { failures } = await check(seed)
    expect(failures).toEqual([])
  }
})

// A hunt ends itself after two minutes, and that must be what is reported.
test.each(mutations)('the simulator finds the planted bug: $name', { timeout: 180_000 }, async (mutation) => {
  const { found, output } = await hunt(mutation, 400)
  expect(found, output).toBe(true)
})
