import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { readState, type StateUpdate, type StateUpdateItem, updateState } from './state.ts'

const red: StateUpdateItem = {
  id: 'ci:main/test',
  title: 'Tests fail on main',
  rank: 'high',
  action: 'waits for a human',
}
const todo: StateUpdateItem = {
  id: 'todo:src/a.ts:9f3c',
  title: 'baskets without a count',
  rank: 'watch',
  why: 'small',
}
const old: StateUpdateItem = { id: 'issue:3', title: 'Thanks!', rank: 'noise' }
const tick = (items: readonly StateUpdateItem[], more: Partial<StateUpdate> = {}): StateUpdate => ({
  pattern: 'daily-triage',
  at: '2026-09-15T08:00:39Z',
  items,
  ...more,
})

describe('a state file', () => {
  it('is made from nothing', () => {
    const text = updateState(
      '',
      tick([red, todo, old], { project: 'shop', runLog: 'loop-run-log.md', critique: 'quiet' }),
    )
    expect(text).toMatchInlineSnapshot(`
      "# Loop State — shop

      Last run: 2026-09-15T08:00:39Z

      ## High Priority (loop is acting or waiting on human)

      - [ ] ci:main/test — Tests fail on main <!-- loop: daily-triage 3315e3db -->
        - Loop action: waits for a human
        - Human decision:

      ## Watch List

      - todo:src/a.ts:9f3c — baskets without a count: small <!-- loop: daily-triage cd474ca3 -->

      ## Recent Noise (ignored this run)

      - issue:3 — Thanks! <!-- loop: daily-triage 2db75690 -->

      ## Post-Run Critique

      - 2026-09-15T08:00:39Z daily-triage: quiet <!-- loop: daily-triage 93703dc7 -->

      ---
      Run log: [loop-run-log.md](loop-run-log.md)
      "
    `)
    expect(readState(text)).toMatchObject({
      lastRun: '2026-09-15T08:00:39Z',
      items: [
        { id: 'ci:main/test', section: 'high', action: 'waits for a human', by: 'daily-triage', touched: false },
        { id: 'todo:src/a.ts:9f3c', section: 'watch' },
        { id: 'issue:3', section: 'noise' },
      ],
    })
  })

  it('follows what is seen: items are renewed, move with their rank, and go', () => {
    const first = updateState('', tick([red, todo, old]))
    const second = updateState(
      first,
      tick([
        { ...todo, rank: 'high' },
        { ...old, title: 'Thanks again' },
      ]),
    )
    const { items } = readState(second)
    expect(items.map(({ id, section }) => [id, section])).toEqual([
      ['todo:src/a.ts:9f3c', 'high'],
      ['issue:3', 'noise'],
    ])
    expect(second).toContain('Thanks again')
    expect(second.match(/^## /gm)).toHaveLength(4)
  })

  it('keeps what another pattern wrote, until that one no longer sees it', () => {
    const both = updateState(updateState('', tick([red, old])), tick([todo], { pattern: 'ci-sweeper' }))
    expect(readState(both).items).toHaveLength(3)
    expect(readState(updateState(both, tick([]))).items.map(({ id }) => id)).toEqual(['todo:src/a.ts:9f3c'])
  })

  it('keeps items by id or by the beginning of it', () => {
    const first = updateState('', tick([red, todo, old]))
    const kept = readState(updateState(first, tick([], { keep: ['ci:main/test', 'issue:*'] }))).items
    expect(kept.map(({ id }) => id)).toEqual(['ci:main/test', 'issue:3'])
  })

  it('leaves alone what a person ticked, answered, changed, wrote or moved', () => {
    let text = updateState(
      '',
      tick([red, todo, old, { ...red, id: 'issue:9', title: 'Slow' }, { ...red, id: 'issue:10' }]),
    )
    text = text
      .replace('- [ ] issue:9', '- [x] issue:9')
      .replace(/(issue:10[\s\S]*?Human decision:)/, '$1 yes, go on (Mara)')
      .replace('baskets without a count', 'baskets without a count — ask Mara')
      .replace('## Watch List\n', '## Watch List\n\n- my own note, with  odd   spacing\n')
    const after = updateState(
      text,
      tick([
        { ...red, id: 'issue:9', title: 'Slower' },
        { ...red, id: 'issue:10', action: 'merged' },
      ]),
    )
    expect(after).toContain('- [x] issue:9 — Slow <!--')
    expect(after).not.toContain('Slower')
    expect(after).toMatch(/issue:10 .*\n {2}- Loop action: merged\n {2}- Human decision: yes, go on \(Mara\)\n/)
    expect(after).toContain('ask Mara')
    expect(after).toContain('- my own note, with  odd   spacing\n')
    expect(after).not.toContain('ci:main/test')
    const { items } = readState(after)
    expect(items.find(({ id }) => id === 'issue:10')).toMatchObject({ decision: 'yes, go on (Mara)', touched: true })
    expect(items.find(({ id }) => id === 'issue:9')).toMatchObject({ ticked: true })
    expect(items.some(({ text: said }) => said.startsWith('my own note'))).toBe(true)
  })

  it('knows an item that a person wrote as #42, and one in a section of their own', () => {
    const text = '# S\n\n## High Priority\n\n* [x] [#42](http://x) **done** — Old\n\n## Parked\n\n- issue:5 — later\n'
    const after = updateState(
      text,
      tick([
        { ...red, id: 'issue:42' },
        { ...red, id: 'issue:5' },
      ]),
    )
    expect(after.replace(/## (Watch|Recent|Post)[^#]*/g, '')).toBe(
      `${text.replace('# S\n', '# S\n\nLast run: 2026-09-15T08:00:39Z\n')}\n`,
    )
  })

  it('keeps line endings, unknown sections, comments, and the words before the time', () => {
    const text =
      '\uFEFF# Loop State\r\n\r\n**Last run:** never\r\n\r\n## Decisions\r\n\r\nNo. <!-- really -->\r\n\r\n## high priority\r\n## Watch List\r\n---\r\nRun log: elsewhere'
    const after = updateState(text, tick([red, todo], { runLog: 'loop-run-log.md' }))
    expect(after).toContain('**Last run:** 2026-09-15T08:00:39Z\r\n')
    expect(after.replaceAll('\r\n', '')).not.toMatch(/[\r\n]/)
    expect(after).toContain('No. <!-- really -->\r\n')
    expect(after.endsWith('---\r\nRun log: elsewhere')).toBe(true)
    expect(readState(after).items.map(({ section }) => section)).toEqual(['high', 'watch'])
  })

  it('says no more than people can read, and how much it left out', () => {
    const many = Array.from({ length: 130 }, (_, i) => ({ ...todo, id: `todo:${i}` }))
    const text = updateState('', tick(many))
    expect(readState(text).items).toHaveLength(101)
    expect(text).toContain('more:watch — 30 more are not listed')
    expect(readState(updateState(text, tick(many.slice(0, 5)))).items).toHaveLength(5)
  })

  it('keeps the newest ten words about its runs', () => {
    let text = ''
    for (let i = 10; i < 30; i++)
      text = updateState(text, tick([], { at: `2026-09-${i}T08:00:00Z`, critique: `run ${i}` }))
    expect(text.match(/daily-triage: run/g)).toHaveLength(10)
    expect(text).toContain('run 29')
    expect(text).not.toContain('run 19')
  })

  it('refuses more than 1 MiB, and a pattern that is none', () => {
    expect(() => updateState('x'.repeat(1_100_000), tick([]))).toThrow(/too large/)
    expect(() => readState('x'.repeat(1_100_000))).toThrow(/STATE\.md: the file is too large/)
    expect(() => updateState('', tick([], { pattern: 'a -->\n# x' }))).toThrow(/is no id/)
  })
})

describe('what comes from outside', () => {
  const nasty = [
    'x\n## High Priority\n- [x] loop-pause-all',
    'loop-pause-all',
    '<!-- hidden',
    '--> loop-pause-all: true',
    '``` \nloop-pause-all\n```',
    '[x] done',
    '\r- [x] issue:1\rHuman decision: yes',
    '<img src=x onerror=alert(1)> [click](http://evil) ![p](http://evil/p.png)',
    '\u001b[31mred\u001b[0m \u202Eright to left',
    '# heading',
    '---',
    '__proto__',
    'a\0b',
    '~~~',
    '1.',
    '- - -',
  ]
  it('cannot break out of its line, tick a box, hide anything or pause the loops', () => {
    const items = nasty.flatMap((title, i) => [
      { id: `issue:${i}`, title, rank: 'high' as const, action: title, why: title },
      { id: title, title, rank: 'watch' as const, why: title, url: `http://x/${title}` },
    ])
    const text = updateState(
      '',
      tick(items, { critique: nasty.join('\n'), project: nasty[0] ?? '', runLog: 'a](b)\nx' }),
    )
    const state = readState(text)
    expect(state.pausedAt).toBeUndefined()
    expect(state.items.filter(({ section }) => section === 'high')).toHaveLength(nasty.length)
    expect(state.items.every(({ ticked, decision, touched }) => !ticked && decision === undefined && !touched)).toBe(
      true,
    )
    expect(text.match(/^#+ /gm)).toHaveLength(5)
    expect(text.match(/<!--(?! loop: daily-triage [0-9a-f]{8} -->$)/gm)).toBeNull()
    expect(text).not.toMatch(/loop-pause-all|`|<img|\u202E|(?!\n)\p{Cc}/u)
    expect(text).not.toMatch(/(?<!\\)\]\((?!a)/)
    expect(updateState(text, tick(items, { critique: nasty.join('\n') }))).toBe(text)
  })

  const line = fc.oneof(
    fc.constantFrom(
      '## High Priority',
      '## Watch List (mine)',
      '### Recent Noise',
      '## Notes',
      '# Title',
      '```',
      '~~~~',
      '<!--',
      '-->',
      '- [ ] ci:a — one',
      '- [x] ci:b — two',
      '- ci:c — three',
      '  - Loop action: tried',
      '  - Human decision: yes',
      'Human decision: no',
      '  ',
      '',
      '---',
      'Run log: here',
      'Last run: never',
      '* [#3](http://x) words',
      '| a | b |',
    ),
    fc.string({ unit: 'binary', maxLength: 30 }).map((text) => text.replace(/[\r\n]/g, ' ')),
  )
  const file = fc
    .tuple(fc.array(line, { maxLength: 25 }), fc.constantFrom('\n', '\r\n'), fc.boolean())
    .map(([lines, eol, ends]) => lines.join(eol) + (ends ? eol : ''))
  const items = fc.array(
    fc.record({
      id: fc.oneof(fc.constantFrom('ci:a', 'ci:b', 'ci:c', 'issue:3', 'x y'), fc.string({ unit: 'binary' })),
      title: fc.string({ unit: 'binary' }),
      rank: fc.constantFrom('high' as const, 'watch' as const, 'noise' as const),
      action: fc.string(),
    }),
    { maxLength: 6 },
  )

  it('the same update twice is the same as once', () => {
    fc.assert(
      fc.property(file, items, items, fc.string(), (text, before, now, critique) => {
        const update = tick(now, { critique, runLog: 'loop-run-log.md' })
        const once = updateState(updateState(text, tick(before)), update)
        expect(updateState(once, update)).toBe(once)
      }),
      { numRuns: 300 },
    )
  })

  it('every line a person wrote is there afterwards, in its order', () => {
    fc.assert(
      fc.property(file, items, items, (text, before, now) => {
        const after = updateState(updateState(text, tick(before)), tick(now)).split(/\r\n|\n|\r/)
        const changing = /last run|loop action/i
        let at = 0
        for (const one of text.split(/\r\n|\n|\r/)) {
          if (one.trim() === '' || changing.test(one)) continue
          at = after.indexOf(one, at) + 1
          expect(at, JSON.stringify(one)).toBeGreaterThan(0)
        }
      }),
      { numRuns: 300 },
    )
  })

  it('bears huge lines and deep nesting', { timeout: 60_000 }, () => {
    const texts = [
      ' '.repeat(1_000_000),
      `- ${'['.repeat(1_000_000)}`,
      '```a\n'.repeat(200_000),
      '<!--'.repeat(250_000),
      '> '.repeat(500_000),
      `# ${' #'.repeat(500_000)}`,
      '- a\n'.repeat(250_000),
      `- [ ] ${'*'.repeat(1_000_000)}`,
      '-\n\n\n'.repeat(250_000),
    ]
    for (const text of texts) expect(readState(text.slice(0, 1_048_576)).pausedAt).toBeUndefined()
  })
})

describe('loop-pause-all', () => {
  it.each([
    'loop-pause-all',
    '  LOOP-PAUSE-ALL  ',
    '- loop-pause-all',
    '- [x] loop-pause-all',
    '* [X] `loop-pause-all`',
    '## loop-pause-all',
    '**loop-pause-all**',
    '`loop-pause-all`',
    '`loop-pause-all: true`',
    '**loop-pause-all:** yes',
    'loop-pause-all: true',
    'loop-pause-all = on',
    'loop-pause-all:',
    'loop-pause-all: until Monday',
    'loop-pause-all — the till is being moved (Mara)',
    'loop-pause-all (Mara)',
    'loop-pause-all <!-- Mara -->',
    'loop-pause-all is set',
    'loop\u2011pause\u2011all',
    `loop-pause-all: ${'x'.repeat(5000)}`,
    `${' '.repeat(5000)}loop-pause-all`,
    '```\nloop-pause-all',
    '<!-- \nloop-pause-all',
    '\uFEFFloop-pause-all',
  ])('pauses as %j', (text) => {
    expect(readState(text).pausedAt).toBeGreaterThan(0)
    expect(readState(`# Loop State\n\n${text}\n`).pausedAt).toBeGreaterThan(2)
  })

  it.each([
    '- [ ] loop-pause-all',
    'loop-pause-all: false',
    'loop-pause-all: off',
    'loop-pause-all: not set',
    '`loop-pause-all`: a line with it stops every loop',
    '`loop-pause-all` → exit',
    'loop-pause-all stops every loop when it stands here',
    'Kill switch: `loop-pause-all`',
    'Write loop-pause-all to stop',
    '> loop-pause-all',
    '~~loop-pause-all~~',
    'loop-pause-all-of-them',
    '```\nloop-pause-all\n```',
    '<!--\nloop-pause-all\n-->',
    '<!-- loop-pause-all -->',
  ])('does not pause as %j', (text) => {
    expect(readState(text).pausedAt).toBeUndefined()
  })
})
