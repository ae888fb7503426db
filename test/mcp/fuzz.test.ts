import { test } from 'vitest'
import { fuzzHttp, fuzzStdio } from '../fixtures/mcp-fuzz.ts'

const seed = 20_261_121

test('5,000 random requests on standard input: no crash, no hang, no error of ours', { timeout: 300_000 }, async () => {
  await fuzzStdio(5_000, seed)
})

test('5,000 random requests over HTTP: no crash, no hang, no 500', { timeout: 300_000 }, async () => {
  await fuzzHttp(5_000, seed)
})
