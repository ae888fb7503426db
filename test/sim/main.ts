import { check } from './check.ts'

// Plays many seeds: `node test/sim/main.ts [--seeds N] [--from N] [--faults N] [--stop-at-first]`. One seed replays any failure.
const { argv } = process
const option = (name: string, fallback: number) => {
  const at = argv.indexOf(`--${name}`)
  return at < 0 ? fallback : Number(argv[at + 1])
}
const seeds = option('seeds', 10_000)
const from = option('from', 1)
const faults = option('faults', 12)
const started = Date.now()
let plays = 0
let failed = 0
for (let seed = from; seed < from + seeds; seed++) {
  const result = await check(seed, faults)
  plays += result.plays
  for (const { fault, problem } of result.failures) {
    const where = fault ? `fault ${fault.how} at append ${fault.at}` : 'no fault'
    console.log(`seed ${seed}, ${where}: ${problem}`)
  }
  if (result.failures.length > 0) {
    failed++
    if (argv.includes('--stop-at-first')) break
  }
}
console.log(`${seeds} seeds, ${plays} plays, ${((Date.now() - started) / 1000).toFixed(1)} s`)
console.log(`${seeds - failed} passed, ${failed} failed`)
process.exitCode = failed > 0 ? 1 : 0
