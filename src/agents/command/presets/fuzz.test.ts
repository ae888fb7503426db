import { readdirSync, readFileSync } from 'node:fs'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { presets } from './all.ts'

const directory = new URL('../../../../test/fixtures/agent-streams/', import.meta.url)
const lines = readdirSync(directory).flatMap((file) => readFileSync(new URL(file, directory), 'utf8').split('\n'))
const objects = lines
  .filter((line) => line.startsWith('{"') && line.length < 4000)
  .map((line) => JSON.parse(line) as object)

/** The object with one value, wherever it stands, put in place of another. */
function changed(value: unknown, at: { left: number }, other: unknown): unknown {
  at.left -= 1
  if (at.left === 0) return other
  if (Array.isArray(value)) return value.map((each) => changed(each, at, other))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, changed(each, at, other)]))
}

test('lines of another shape than recorded never break a reader', () => {
  const line = fc
    .tuple(fc.constantFrom(...objects), fc.integer({ min: 1, max: 40 }), fc.jsonValue())
    .map(([object, left, other]) => JSON.stringify(changed(object, { left }, other)))
  fc.assert(
    fc.property(fc.array(fc.oneof(line, fc.string(), fc.json()), { maxLength: 8 }), (all) => {
      for (const preset of presets) {
        const reader = preset.read(() => undefined, undefined)
        for (const each of all) reader.push(`${each}\n`)
        const reading = reader.finish()
        expect(typeof reading.text).toBe('string')
        for (const amount of Object.values(reading.usage ?? {})) expect(['number', 'string']).toContain(typeof amount)
      }
    }),
    { numRuns: 1000 },
  )
})
