import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import { emptyFacts, poison, richFacts } from '../../test/fixtures/report.ts'
import type { ReportFacts } from './report/facts.ts'
import { renderReport } from './report.ts'

const png = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
  'base64',
)

/** Every tag of a page that a browser would read, with its attributes as they stand; nothing inside of `style`. */
function tags(page: string): string[] {
  const body = page.replace(/<style>[^<]*<\/style>/, '')
  return body.match(/<[a-z!/][^>]*>/gi) ?? []
}

/** The tags that are opened and not closed again, in order. */
function unclosed(page: string): string[] {
  const open: string[] = []
  for (const tag of tags(page)) {
    const name = /^<\/?([a-z0-9!]+)/i.exec(tag)?.[1] ?? ''
    if (['meta', 'img', '!doctype'].includes(name) || tag.endsWith('/>')) continue
    if (!tag.startsWith('</')) open.push(name)
    else if (open.at(-1) === name) open.pop()
    else return [...open, tag]
  }
  return open
}

test('a rich report shows the run, its metric, its rounds, its failures, pictures and changes', () => {
  const page = renderReport(richFacts([png]))
  for (const part of [
    'The shop adds up a cart correctly',
    'completed',
    '$0.83',
    '184,220</dd>',
    'loopwright/shop-7f3a',
    'Lines priced per second',
    'wanted ≥ 20,000',
    'One round, a cross, was rolled back.',
    'Round 3',
    'rolled back',
    'stalled',
    'expected text &#34;€ 90.00&#34; in #total',
    '500 Internal Server Error',
    'not ok 3 - a discount is applied once',
    'The discount is applied in cart.js',
    'codex took over',
    'round 3 was rolled back to 9be1d20',
    '<span class="minus">-  return sum</span>',
    `data:image/png;base64,${png.toString('base64')}`,
    'Two helpers round money',
  ])
    expect(page, part).toContain(part)
  expect(unclosed(page)).toEqual([])
  expect(page.match(/<circle class="dot"/g)).toHaveLength(3)
  expect(page.match(/<path class="cross"/g)).toHaveLength(1)
})

test('a run that has not begun has a report too', () => {
  const page = renderReport(emptyFacts())
  expect(page).toContain('No iteration has begun.')
  expect(page).not.toContain('<svg')
  expect(page).not.toContain('Changes')
  expect(unclosed(page)).toEqual([])
})

test('the page asks for nothing: no script, no address, only its own style and pictures that are inside', () => {
  const page = renderReport(richFacts([png]))
  const style = /<style>([^<]*)<\/style>/.exec(page)?.[1] ?? ''
  const hash = createHash('sha256').update(style).digest('base64')
  expect(page).toContain(
    `content="default-src 'none'; style-src 'sha256-${hash}'; img-src data:; base-uri 'none'; form-action 'none'"`,
  )
  expect(
    tags(page).filter((tag) => /\s(?:src|href|style|on\w+)=/i.test(tag) && !/ src="data:image\/png/.test(tag)),
  ).toEqual([])
  expect(tags(page).filter((tag) => /^<(?:script|link|iframe|object|embed|form|base)/i.test(tag))).toEqual([])
  expect(style).not.toMatch(/url\(|@import/)
})

test('whatever agents, pages and logs said is text: no tag and no attribute comes of it', () => {
  const plain = renderReport(richFacts([png]))
  const page = renderReport(poison(richFacts([png])))
  const shape = (text: string) => new Set(tags(text).map((tag) => tag.replace(/"[^"]*"/g, '""')))
  expect([...shape(page)].filter((tag) => !shape(plain).has(tag))).toEqual([])
  expect(unclosed(page)).toEqual([])
  expect(page).toContain('&#60;/script&#62;')
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they must not be there
  expect(page).not.toMatch(/[\u0000\u001B\u202E\u2066\u2028]/)
  expect(page.isWellFormed()).toBe(true)
})

test('a diff cannot leave its place', () => {
  const diff = `diff --git a/x b/</code><script>alert(1)</script>\n--- a/x\n+++ b/x\n@@ </span><b> @@\n+</pre><script>alert(2)</script>\n-<!--\n`
  const page = renderReport({ ...richFacts(), diff })
  expect(tags(page).some((tag) => /^<(?:script|b>|!--)/i.test(tag))).toBe(false)
  expect(unclosed(page)).toEqual([])
})

test('links lead only to files below the report, and only a PNG is embedded', () => {
  const rounds = (picture: object): ReportFacts['rounds'] => [
    { number: 1, state: 'ok', stages: [], checks: [], screenshots: [{ name: 'shot', path: '/a/b.png', ...picture }] },
  ]
  const link = (picture: object) =>
    / href="([^"]*)"/.exec(renderReport({ ...emptyFacts(), rounds: rounds(picture) }))?.[1]
  expect(link({ href: 'artifacts/round 1.png' })).toBe('./artifacts/round%201.png')
  expect(link({ href: 'javascript:alert(1)' })).toBe('./javascript%3Aalert(1)')
  for (const href of ['../../etc/passwd', '/etc/passwd', '//example.com/a', 'a/../../b', ''])
    expect(link({ href }), href).toBeUndefined()
  const svg = Buffer.from('<svg onload="alert(1)"/>')
  expect(renderReport({ ...emptyFacts(), rounds: rounds({ png: svg }) })).not.toContain('data:image')
})

test('the page stays within its bounds, however much there is to show', () => {
  const facts = richFacts()
  const big = 'x<&"'.repeat(500_000)
  const picture = Buffer.concat([png, Buffer.alloc(3_000_000)])
  const round = {
    ...facts.rounds[0],
    number: 1,
    state: 'failed' as const,
    summary: big,
    lessons: Array.from({ length: 500 }, () => big),
    stages: Array.from({ length: 50 }, () => ({
      name: 'fix',
      state: 'failed' as const,
      error: big,
      log: { text: big },
      command: big,
      findings: [big],
    })),
    checks: Array.from({ length: 1000 }, () => ({ name: big, ok: false, exitCode: 1, log: { text: big } })),
    screenshots: Array.from({ length: 20 }, (_, at) => ({ name: big, path: `/shots/${at}.png`, png: picture })),
  }
  const huge: ReportFacts = {
    ...facts,
    rounds: Array.from({ length: 300 }, (_, at) => ({ ...round, number: at + 1 })),
    metric: { name: big, points: Array.from({ length: 20_000 }, (_, at) => ({ round: at, value: at, kept: true })) },
    diff: `diff --git a/x b/x\n${'+a line\n'.repeat(1_000_000)}`,
    result: { ...facts.result, final_output: big },
    view: { ...facts.view, goal: big },
  }
  const page = renderReport(huge)
  // Two million characters of text, escaped up to five-fold, markup, and eight MiB of pictures in base64.
  expect(page.length).toBeLessThan(40_000_000)
  expect(page.match(/data:image/g)).toHaveLength(2)
  expect(page).toContain('100 earlier ones are not shown.')
  expect(page).toContain('Round 300')
  const small = renderReport(huge, { text: 100, texts: 10_000, diff: 1000, pictures: 0, rounds: 3 })
  expect(small.length).toBeLessThan(800_000)
})

test.each([
  [[Number.NaN, Number.POSITIVE_INFINITY], 0],
  [[5], 1],
  [[0, 0, 0], 3],
  [[-3, -1], 2],
  [[1e300, -1e300, 1e-300], 3],
  [[Number.MAX_VALUE, -Number.MAX_VALUE], 2],
  [[1_000_000.000_000_01, 1_000_000], 2],
] as const)('a metric of %j is drawn with %i points, inside of the picture', (values, count) => {
  const points = values.map((value, at) => ({ round: at + 1, value, kept: true }))
  const page = renderReport({ ...emptyFacts(), metric: { name: 'm', points } })
  const dots = [...page.matchAll(/<circle class="dot" cx="([^"]*)" cy="([^"]*)"/g)]
  expect(dots).toHaveLength(count)
  for (const [, x, y] of dots) {
    expect(Number(x)).toBeGreaterThan(0)
    expect(Number(x)).toBeLessThan(640)
    expect(Number(y)).toBeGreaterThanOrEqual(0)
    expect(Number(y)).toBeLessThanOrEqual(250)
  }
  expect(page).not.toContain('NaN')
})
