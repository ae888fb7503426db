import fc from 'fast-check'
import { expect, test } from 'vitest'
import { pullRequestOf } from './pull-request.ts'
import type { TickResult } from './tick.ts'

const result: TickResult = {
  run: 'run-1',
  pattern: 'ci-sweeper',
  name: 'CI Sweeper',
  tick: 1,
  level: 'L2',
  dryRun: false,
  agent: 'claude-code',
  decision: 'act',
  outcome: 'proposed',
  reason: 'the test suite fails',
  items: [],
  skipped: [],
  item: { id: 'issue:42', title: '#42 Tests fail', attempt: 2, url: 'https://github.com/acme/widgets/issues/42' },
  proposal: 'I mended the parser.',
  change: { files: ['src/a.ts', 'src/b.ts'], lines: 12, commit: 'c'.repeat(40) },
  checks: [
    { name: 'npm test', ok: true, error: null },
    { name: 'lint', ok: false, error: 'exit code 1' },
  ],
  verdict: 'accept',
  verifier: { word: 'APPROVE', evidence: 'All 12 tests pass.' },
  gate: { decision: 'allow', trigger: 'ok', reason: 'safe', matchedPaths: [], risks: [] },
  tokens: 5000,
  costUsd: 0.42,
  spent: 12_000,
  cap: 100_000,
  startedAt: '2026-01-01T00:00:00Z',
  duration: 3,
}

test('a pull request says what, why, checks, verdict, gate, cost and where to look', () => {
  const { title, body } = pullRequestOf(result)
  expect(title).toBe('CI Sweeper: Tests fail')
  expect(body).toMatchInlineSnapshot(`
    "A change by loopwright’s \`CI Sweeper\` loop at L2, written by the agent \`claude-code\`. Read it before you merge it.

    **What**
    - [\`issue:42\`](https://github.com/acme/widgets/issues/42) \`#42 Tests fail\`, attempt 2
    - 2 files, 12 lines added and removed

    **Why**
    - \`the test suite fails\`

    Closes #42

    **Checks**
    - passed: \`npm test\`
    - failed: \`lint\` \`exit code 1\`

    **Verifier**
    - APPROVE (accept)

    <details><summary>What the verifier says</summary>

    \`\`\`text
    All 12 tests pass.
    \`\`\`

    </details>

    **Gate**
    - allow (ok): \`safe\`

    **Cost**
    - 5,000 tokens, $0.42; 12,000 of 100,000 today

    <details><summary>Files (2)</summary>

    \`\`\`text
    src/a.ts
    src/b.ts
    \`\`\`

    </details>

    <details><summary>What the implementer says</summary>

    \`\`\`text
    I mended the parser.
    \`\`\`

    </details>

    **Run**
    - \`run-1\`, started \`2026-01-01T00:00:00Z\`: \`loopwright status run-1\` and \`loopwright tail run-1\`
    "
  `)
})

test('only the issue it acted on is closed', () => {
  expect(pullRequestOf(result).body.match(/Closes #\d+/g)).toEqual(['Closes #42'])
  for (const id of ['ci:main/test', 'issue:42x', 'issue:0', 'issue:42\nCloses #7', 'pull:42']) {
    expect(pullRequestOf({ ...result, item: { id, title: 'x', attempt: 1 } }).body).not.toMatch(/^Closes/m)
  }
})

/** What GitHub would read as Markdown: the body without its code. */
function outsideCode(body: string): string {
  const lines = body.split('\n')
  const kept: string[] = []
  let fence: string | undefined
  for (const line of lines) {
    const run = /^(`{3,})(?:text)?$/.exec(line)?.[1]
    if (fence === undefined && run !== undefined) fence = run
    else if (fence !== undefined && run !== undefined && run.length >= fence.length) fence = undefined
    else if (fence === undefined) kept.push(line)
  }
  expect(fence).toBeUndefined()
  return kept.join('\n').replace(/(?<!`)(`+)(?!`)(.*?)(?<!`)\1(?!`)/g, '')
}

const nasty = [
  '@everyone look',
  'fixes #7',
  'Closes https://github.com/acme/widgets/issues/7',
  '</details><script>alert(1)</script>',
  '![x](https://evil.example/pixel.png)',
  '[click](javascript:alert(1))',
  '```\n@ada fixes #9\n```',
  '``````text\n# heading',
  '`code` and ``more``',
  '` @ada `',
  'a\u202Eb\u001B[31m',
  '<!-- -->@ada',
  '\n\nfixes #7\n',
]

test.each(nasty)('%j of an agent or from outside stays text', (text) => {
  const { title, body } = pullRequestOf({
    ...result,
    name: text,
    agent: text,
    reason: text,
    proposal: text,
    item: { id: text, title: text, attempt: 1, url: `https://x.example/) ${text}` },
    change: { files: [text], lines: 1 },
    checks: [{ name: text, ok: false, error: text }],
    verifier: { word: 'REJECT', evidence: text },
    gate: { decision: 'escalate', trigger: 'ok', reason: text, matchedPaths: [], risks: [] },
  })
  const outside = outsideCode(body)
  expect(outside).not.toMatch(/@|#\d|evil|script|javascript|heading|\u202E/)
  expect(outside.match(/<\/?[a-z]+/g)?.every((tag) => /^<\/?(details|summary)$/.test(tag))).toBe(true)
  expect(title).not.toMatch(/@\w|#\d|GH-\d|:\/\/|\n/)
})

test('whatever the texts, nothing of them is outside of code, and all fits', () => {
  const piece = fc.oneof(
    fc.string(),
    fc.constantFrom(...nasty),
    fc.string({ unit: fc.constantFrom('`', '\n', '@', 'a', ' ', '~', '\\') }),
  )
  const text = fc.array(piece, { maxLength: 8 }).map((all) => all.join('ZZZ'))
  fc.assert(
    fc.property(text, text, text, (a, b, c) => {
      const outside = outsideCode(
        pullRequestOf({
          ...result,
          proposal: `ZZZ${a}`,
          reason: `ZZZ${b}`,
          item: { id: `ZZZ${c}`, title: `ZZZ${a}`, attempt: 1 },
        }).body,
      )
      expect(outside).not.toContain('ZZZ')
    }),
  )
})

test('a huge tick makes a body that GitHub takes', () => {
  const long = 'x`'.repeat(200_000)
  const { title, body } = pullRequestOf({
    ...result,
    proposal: long,
    reason: long,
    name: long,
    item: { id: long, title: long, attempt: 1 },
    change: { files: Array(10_000).fill('a.ts'), lines: 1 },
    checks: Array(1000).fill({ name: long, ok: false, error: long }),
    verifier: { word: 'APPROVE', evidence: long },
  })
  expect(body.length).toBeLessThan(65_536)
  expect(title.length).toBeLessThan(250)
  expect(body).toContain('… and 970 more')
  expect(body).toContain('… and 9900 more')
})
