import { expect, test } from 'vitest'
import { Findings, shortUrl } from './findings.ts'
import { type PlayReport, readReport } from './protocol.ts'

function gather() {
  const said: PlayReport[] = []
  return { said, findings: new Findings((report) => said.push(report)) }
}

test('the same finding is told once, and counted', () => {
  const { said, findings } = gather()
  for (let n = 0; n < 5; n++) findings.add({ kind: 'console_error', text: 'bad', fatal: true })
  expect(said).toHaveLength(1)
  findings.close()
  expect(said.at(-1)).toMatchObject({ at: 0, finding: { text: 'bad', times: 5, step: 0 } })
  expect(findings.count('console_error')).toBe(5)
  findings.add({ kind: 'crash', text: 'the browser that was closed ended', fatal: true })
  expect(said).toHaveLength(2)
})

test('a flood of different findings stays bounded, and none of a size that hurts', () => {
  const { said, findings } = gather()
  for (let n = 0; n < 100_000; n++) findings.add({ kind: 'console_error', text: `bad ${n}`, fatal: n % 2 === 0 })
  expect(said.length).toBeLessThanOrEqual(101)
  expect(findings.count('console_error')).toBe(100_000)
  const { said: long, findings: one } = gather()
  one.add({
    kind: 'page_error',
    text: 'x'.repeat(10_000_000),
    url: `data:text/html,${'y'.repeat(1_000_000)}`,
    fatal: true,
  })
  expect(JSON.stringify(long).length).toBeLessThan(2000)
})

test('a fatal finding past the bound still makes the play fail', () => {
  const { said, findings } = gather()
  for (let n = 0; n < 200; n++) findings.add({ kind: 'navigation', text: `note ${n}`, fatal: false })
  findings.add({ kind: 'page_error', text: 'the end', fatal: true })
  expect(said.at(-1)).toMatchObject({ finding: { fatal: true } })
})

test('an address shows no password', () => {
  expect(shortUrl('http://user:secret@example.com/a?b=1')).toBe('http://example.com/a?b=1')
})

test('what the player did not say is not read', () => {
  expect(readReport('{"kind":"end"}')).toEqual({ kind: 'end' })
  for (const line of ['', 'noise', '{"kind":"other"}', '{"kind":"passed","step":"1","ms":1}', '[]']) {
    expect(readReport(line)).toBeUndefined()
  }
})
