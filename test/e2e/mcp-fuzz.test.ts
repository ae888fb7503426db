import { test } from 'vitest'
import { fuzzHttp, fuzzStdio } from '../fixtures/mcp-fuzz.ts'

// `npm run test:mcp` sends 10,000 of them.
const seed = 20_260_728

test('random requests on standard input are all answered, and the server goes on', { timeout: 120_000 }, async () => {
  await fuzzStdio(1_000, seed)
})

test('random requests over HTTP get no answer of 500 and more', { timeout: 120_000 }, async () => {
  await fuzzHttp(500, seed)
})
