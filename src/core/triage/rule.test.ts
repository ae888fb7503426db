import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { GateAction, GatePolicy, GateQuestion, GateRuling, RiskClass } from './gate.ts'
import { ruleOn } from './rule.ts'

const policy: GatePolicy = {
  denylist: ['.env', '.env.*', '**/private/**', 'legal/**', '**/*_key*'],
  maxFiles: 10,
  autoMergeAllowlist: ['docs/**', '*.md'],
}
const ask = (paths: readonly string[], more: Partial<GateQuestion> = {}, of: GatePolicy = policy) =>
  ruleOn(of, { action: 'commit', paths, ...more })
const said = ({ decision, trigger }: GateRuling) => `${decision} ${trigger}`

describe('what a gate says of one file', () => {
  test.each([
    ['src/example.ts', 'allow ok'],
    ['README.md', 'allow ok'],
    ['src/авто/файл.ts', 'allow ok'],
    ['src/日本語.md', 'allow ok'],
    ['src/café.ts', 'allow ok'],
    ['app/[slug]/(group)/page.tsx', 'allow ok'],
    ['src/author.ts', 'allow ok'],
    ['src/tokenizer.ts', 'allow ok'],
    ['src/workspace/git.ts', 'allow ok'],
    ['src/products/list.ts', 'allow ok'],
    ['.github/ISSUE_TEMPLATE/bug.md', 'allow ok'],
    // Records of the loop itself, and its gate.
    ['STATE.md', 'deny protected'],
    ['state.MD', 'deny protected'],
    ['gate.yaml', 'deny protected'],
    ['.loopwright/gate.yaml', 'deny protected'],
    ['.loopwright/runs/run-1/events.jsonl', 'deny protected'],
    ['loop-run-log.md', 'deny protected'],
    ['loop-ledger.json', 'deny protected'],
    ['pr-state.md', 'deny protected'],
    ['.git/hooks/pre-commit', 'deny protected'],
    ['sub/.GIT/config', 'deny protected'],
    // What steers it.
    ['sub/STATE.md', 'escalate protected'],
    ['registry.yaml', 'escalate protected'],
    ['patterns/registry.yaml', 'escalate protected'],
    ['patterns/ci-sweeper.md', 'escalate protected'],
    ['LOOP.md', 'escalate protected'],
    ['loop-budget.md', 'escalate protected'],
    ['loop-constraints.md', 'escalate protected'],
    ['.loopwright/config.yaml', 'escalate protected'],
    ['.github/workflows/ci.yml', 'escalate protected'],
    ['.GitHub/Workflows/ci.yml', 'escalate protected'],
    ['action.yml', 'escalate protected'],
    ['.github/CODEOWNERS', 'escalate protected'],
    ['.mcp.json', 'escalate protected'],
    ['.claude/settings.json', 'escalate protected'],
    ['packages/a/AGENTS.md', 'escalate protected'],
    ['Claude.md', 'escalate protected'],
    ['.claude', 'escalate protected'],
    ['.gitattributes', 'escalate protected'],
    ['.husky/pre-commit', 'escalate protected'],
    ['.vscode/tasks.json', 'escalate protected'],
    // The denylist, however it is written.
    ['.env', 'escalate denylist'],
    ['.ENV', 'escalate denylist'],
    ['app/.Env.Production', 'escalate denylist'],
    ['Legal/terms.md', 'escalate denylist'],
    ['a/PRIVATE/b', 'escalate denylist'],
    ['src/api_KEY.ts', 'escalate denylist'],
    // Risks.
    ['src/auth/index.ts', 'escalate risk'],
    ['src/OAuthClient.ts', 'escalate risk'],
    ['src/userLogin.tsx', 'escalate risk'],
    ['src/LOGIN.ts', 'escalate risk'],
    ['keys/server.pem', 'escalate risk'],
    ['src/billing/x.ts', 'escalate risk'],
    ['lib/credit_card.rb', 'escalate risk'],
    ['lib/CreditCard.rb', 'escalate risk'],
    ['main.tf', 'escalate risk'],
    ['k8s/app.yaml', 'escalate risk'],
    ['Dockerfile', 'escalate risk'],
    ['docker-compose.prod.yml', 'escalate risk'],
    ['db/migrations/001.sql', 'escalate risk'],
    ['package.json', 'escalate risk'],
    ['web/Package-Lock.json', 'escalate risk'],
    ['requirements-dev.txt', 'escalate risk'],
    ['go.sum', 'escalate risk'],
    ['vendor/x/y.go', 'escalate risk'],
    ['.gitmodules', 'escalate risk'],
    // What nobody understands.
    ['', 'escalate unclear'],
    [' ', 'escalate unclear'],
    ['../x.ts', 'escalate unclear'],
    ['docs/../.env', 'escalate unclear'],
    ['docs/./x.md', 'escalate unclear'],
    ['docs//x.md', 'escalate unclear'],
    ['docs/', 'escalate unclear'],
    ['/etc/passwd', 'escalate unclear'],
    ['~/.ssh/config', 'escalate unclear'],
    ['C:/x.md', 'escalate unclear'],
    ['docs\\..\\.env', 'escalate unclear'],
    ['.env.', 'escalate unclear'],
    ['.env ', 'escalate unclear'],
    ['docs /x.md', 'escalate unclear'],
    ['.env::$DATA', 'escalate unclear'],
    ['GATE~1.YAM', 'escalate unclear'],
    ['.\u0435nv', 'escalate unclear'],
    ['docs/re\u200Badme.md', 'escalate unclear'],
    ['docs/\u202Edm.x', 'escalate unclear'],
    ['docs/x.md\0', 'escalate unclear'],
    ['docs/a\nb', 'escalate unclear'],
    ['．env', 'escalate unclear'],
    ['docs/cafe\u0301.md', 'escalate unclear'],
    ['docs/\uD800', 'escalate unclear'],
    ['"docs/\\303\\251"', 'escalate unclear'],
    ['docs/\u{E0041}.md', 'escalate unclear'],
  ])('%j: %s', (path, expected) => {
    expect(said(ask([path], { own: ['pr-state.md'] }))).toBe(expected)
  })

  test('a dotless i and a long s are the letters they become', () => {
    expect(said(ask(['LEGAL/x'], {}, { ...policy, denylist: ['legal/'] }))).toBe('escalate denylist')
    expect(said(ask(['prıvate/x'], {}, { ...policy, denylist: ['private/'] }))).toBe('escalate denylist')
    expect(said(ask(['ſecret.txt']))).toBe('escalate unclear')
  })
})

test('a path of 5000 letters goes to a human', () => {
  expect(said(ask(['x'.repeat(5000)]))).toBe('escalate unclear')
})

test('no path at all goes to a human', () => {
  for (const action of ['commit', 'merge', 'auto-merge'] as const)
    expect(said(ask([], { action }))).toBe('escalate unclear')
})

test('the first trigger in the order wins, and a refusal beats all', () => {
  const many = Array.from({ length: 11 }, (_, at) => `src/f${at}.ts`)
  expect(said(ask([...many, 'package.json', '.env', '../x', 'LOOP.md', 'STATE.md']))).toBe('deny protected')
  expect(said(ask([...many, 'package.json', '.env', '../x', 'LOOP.md']))).toBe('escalate protected')
  expect(said(ask([...many, 'package.json', '.env', '../x']))).toBe('escalate unclear')
  expect(said(ask([...many, 'package.json', '.env']))).toBe('escalate denylist')
  expect(said(ask([...many, 'package.json']))).toBe('escalate risk')
  expect(said(ask(many, { lines: 5, attempts: 9 }, { ...policy, maxLines: 1 }))).toBe('escalate max_files')
  expect(said(ask(['a.ts'], { lines: 5, attempts: 9 }, { ...policy, maxLines: 1 }))).toBe('escalate max_lines')
  expect(said(ask(['a.ts'], { attempts: 9, action: 'merge' }))).toBe('escalate attempts')
  expect(said(ask(['a.ts'], { action: 'merge' }))).toBe('escalate allowlist')
})

test('a renamed file counts with both names, the same file twice once', () => {
  expect(said(ask(['.env', 'docs/env.md']))).toBe('escalate denylist')
  expect(ask([...Array(20).fill('a.ts')]).decision).toBe('allow')
})

test('the third failed try goes to a human', () => {
  expect([0, 1, 2, 3, 4].map((attempts) => ask(['a.ts'], { attempts }).decision)).toEqual([
    ...['allow', 'allow', 'allow'],
    ...['escalate', 'escalate'],
  ])
  expect(ask(['a.ts'], { attempts: 1, maxAttempts: 1 }).trigger).toBe('attempts')
})

test('numbers that are none go to a human', () => {
  expect(ask(['a.ts'], {}, { ...policy, maxFiles: Number.NaN }).trigger).toBe('max_files')
  expect(ask(['a.ts'], { attempts: Number.NaN }).trigger).toBe('attempts')
  expect(ask(['a.ts'], { lines: Number.NaN }, { ...policy, maxLines: 9 }).trigger).toBe('max_lines')
  expect(ask(['a.ts'], {}, { ...policy, maxLines: 9 }).reason).toContain('nobody counted')
})

test('a merge needs every file on the allowlist, with its letter case; an empty one merges nothing', () => {
  const merge = (paths: string[], allow = policy.autoMergeAllowlist) =>
    said(ask(paths, { action: 'auto-merge' }, { ...policy, autoMergeAllowlist: allow }))
  expect(merge(['docs/a.md', 'x/y.md'])).toBe('allow ok')
  expect(merge(['docs/a.md', 'src/x.ts'])).toBe('escalate allowlist')
  expect(merge(['Docs/a.txt'])).toBe('escalate allowlist')
  expect(merge(['docs/a.md'], [])).toBe('escalate allowlist')
})

test('nothing on an allowlist opens what is protected, denied or a risk', () => {
  const open = { ...policy, autoMergeAllowlist: ['**', '*', '**/*'] }
  for (const path of ['STATE.md', 'LOOP.md', '.env', 'package.json', 'auth/x.ts', '../x'])
    expect(ask([path], { action: 'auto-merge' }, open).decision).not.toBe('allow')
})

test('the reason names a few files, on one line, whatever their names hold', () => {
  const { reason, matchedPaths } = ask(['a\nb', ...Array.from({ length: 40 }, (_, at) => `../${at}`)])
  expect(reason).not.toContain('\n')
  expect(reason).toContain('and 36 more')
  expect(matchedPaths).toHaveLength(41)
})

test('ten thousand long paths are ruled on soon', () => {
  const paths = Array.from({ length: 10_000 }, (_, at) => `src/${'deep/'.repeat(10)}file-${at}.ts`)
  const start = performance.now()
  expect(said(ask(paths))).toBe('escalate max_files')
  expect(performance.now() - start).toBeLessThan(10_000)
})

// A model with nothing of the real thing: every path says what it is, globs are regular expressions.
type Kind = 'deny' | 'steer' | 'unclear' | RiskClass | 'plain'
const vocabulary: readonly (readonly [string, Kind])[] = [
  ...['STATE.md', 'gate.yaml', 'loop-ledger.json', '.git/config', 'LOOP-RUN-LOG.MD'].map((p) => [p, 'deny'] as const),
  ...['LOOP.md', '.claude/x', 'CODEOWNERS', '.github/workflows/a.yml', 'a/AGENTS.md'].map((p) => [p, 'steer'] as const),
  ...['../a', '/a', 'a\\b', 'a//b', 'b.', 'b ', 'x/..', 'A~1', 'a\u200Bb', ''].map((p) => [p, 'unclear'] as const),
  ...['src/auth/a.ts', 'x.pem', 'LoginForm.tsx'].map((p) => [p, 'security'] as const),
  ...['billing/a.ts', 'src/stripe.ts'].map((p) => [p, 'payments'] as const),
  ...['main.tf', 'k8s/a.yaml', 'Dockerfile'].map((p) => [p, 'infrastructure'] as const),
  ...['package.json', 'go.sum', 'a/Cargo.lock'].map((p) => [p, 'dependencies'] as const),
]
const plainPath = fc
  .array(fc.constantFrom('src', 'docs', 'a', 'Lib', 'deep', 'b2'), { minLength: 0, maxLength: 4 })
  .chain((folders) =>
    fc.constantFrom('x.ts', 'y.md', 'Z.MD', 'index.js', 'notes.txt').map((name) => [...folders, name].join('/')),
  )
const anyPath: fc.Arbitrary<readonly [string, Kind]> = fc.oneof(
  { weight: 5, arbitrary: plainPath.map((path) => [path, 'plain'] as const) },
  { weight: 1, arbitrary: fc.constantFrom(...vocabulary) },
)
const anyGlob = fc.constantFrom(
  '*.md',
  'src/**',
  'docs/**',
  '**/deep/**',
  '**/y.*',
  'a/*',
  '**',
  'Lib/',
  'notes.???',
  '.env',
)
const globs = fc.array(anyGlob, { maxLength: 2 })
const anyPolicy: fc.Arbitrary<GatePolicy> = fc.record({
  denylist: fc.array(
    anyGlob.filter((glob) => glob !== '**'),
    { maxLength: 2 },
  ),
  maxFiles: fc.integer({ min: 0, max: 6 }),
  maxLines: fc.option(fc.integer({ min: 0, max: 100 }), { nil: undefined }),
  autoMergeAllowlist: globs,
})
const anyQuestion = fc.record({
  action: fc.constantFrom<GateAction>('commit', 'merge', 'auto-merge'),
  change: fc.array(anyPath, { maxLength: 6 }),
  lines: fc.option(fc.integer({ min: 0, max: 120 }), { nil: undefined }),
  attempts: fc.integer({ min: 0, max: 4 }),
})
type Asked = typeof anyQuestion extends fc.Arbitrary<infer T> ? T : never

function naiveGlob(glob: string, path: string): boolean {
  const anywhere = !glob.includes('/') || /^[^/]+\/$/.test(glob)
  const whole = glob.endsWith('/') ? `${glob}**` : glob
  const named = !/[*?]/.test(whole.split('/').at(-1) ?? '')
  let source = ''
  for (let at = 0; at < whole.length; at++) {
    const rest = whole.slice(at)
    if (rest.startsWith('**/')) {
      source += '(?:[^/]+/)*'
      at += 2
    } else if (rest.startsWith('**')) {
      source += whole === '**' || at === 0 ? '.+' : '.*'
      at += 1
    } else if (rest[0] === '*') source += '[^/]*'
    else if (rest[0] === '?') source += '[^/]'
    else source += (rest[0] ?? '').replace(/[.+^${}()|[\]\\]/, '\\$&')
  }
  return new RegExp(`^${anywhere ? '(?:.*/)?' : ''}${source}${named ? '(?:/.*)?' : ''}$`, 's').test(path)
}

function model(of: GatePolicy, asked: Asked): string {
  const seen = [...new Map(asked.change).entries()]
  const some = (...kinds: Kind[]) => seen.some(([, kind]) => kinds.includes(kind))
  if (some('deny')) return 'deny protected'
  if (some('steer')) return 'escalate protected'
  if (seen.length === 0 || some('unclear')) return 'escalate unclear'
  if (seen.some(([path]) => of.denylist.some((glob) => naiveGlob(glob.toLowerCase(), path.toLowerCase()))))
    return 'escalate denylist'
  if (!seen.every(([, kind]) => kind === 'plain')) return 'escalate risk'
  if (seen.length > of.maxFiles) return 'escalate max_files'
  if (of.maxLines !== undefined && (asked.lines ?? 1e9) > of.maxLines) return 'escalate max_lines'
  if (asked.attempts >= 3) return 'escalate attempts'
  if (asked.action === 'commit') return 'allow ok'
  return seen.every(([path]) => of.autoMergeAllowlist.some((glob) => naiveGlob(glob, path)))
    ? 'allow ok'
    : 'escalate allowlist'
}

const questionOf = ({ action, change, lines, attempts }: Asked): GateQuestion => ({
  ...{ action, attempts, paths: change.map(([path]) => path) },
  ...(lines === undefined ? {} : { lines }),
})
const strict = { allow: 0, escalate: 1, deny: 2 }

test('500 random changes are ruled on as a naive model says', () => {
  const triggers = new Set<string>()
  fc.assert(
    fc.property(anyPolicy, anyQuestion, (of, asked) => {
      const ruling = ruleOn(of, questionOf(asked))
      triggers.add(said(ruling))
      expect(said(ruling)).toBe(model(of, asked))
    }),
    { numRuns: 500, seed: 7 },
  )
  expect([...triggers].sort()).toEqual([
    ...['allow ok', 'deny protected', 'escalate allowlist', 'escalate attempts', 'escalate denylist'],
    ...['escalate max_files', 'escalate max_lines', 'escalate protected', 'escalate risk', 'escalate unclear'],
  ])
})

test('one more file never makes a ruling milder', () => {
  fc.assert(
    fc.property(anyPolicy, anyQuestion, anyPath, (of, asked, extra) => {
      fc.pre(asked.change.length > 0)
      const before = ruleOn(of, questionOf(asked))
      const after = ruleOn(of, questionOf({ ...asked, change: [...asked.change, extra] }))
      expect(strict[after.decision]).toBeGreaterThanOrEqual(strict[before.decision])
    }),
    { numRuns: 500 },
  )
})

test('a tighter policy never makes a ruling milder, nor does a further try or a larger change', () => {
  fc.assert(
    fc.property(anyPolicy, anyQuestion, globs, fc.nat(5), (of, asked, more, less) => {
      const before = strict[ruleOn(of, questionOf(asked)).decision]
      const tighter: GatePolicy[] = [
        { ...of, denylist: [...of.denylist, ...more] },
        { ...of, maxFiles: of.maxFiles - less },
        { ...of, maxLines: (of.maxLines ?? 200) - less },
        { ...of, autoMergeAllowlist: of.autoMergeAllowlist.slice(1) },
      ]
      for (const one of tighter) expect(strict[ruleOn(one, questionOf(asked)).decision]).toBeGreaterThanOrEqual(before)
      const worse = [
        { ...asked, attempts: asked.attempts + less },
        { ...asked, lines: (asked.lines ?? 0) + 200 },
      ]
      for (const one of asked.lines === undefined ? worse.slice(0, 1) : worse)
        expect(strict[ruleOn(of, questionOf(one)).decision]).toBeGreaterThanOrEqual(before)
    }),
    { numRuns: 500 },
  )
})

test('no text for a path ever makes it throw or be denied less than the policy says', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 60 }), (path) => {
      const ruling = ask([path], { action: 'auto-merge' }, { ...policy, autoMergeAllowlist: ['docs/**'] })
      if (ruling.decision === 'allow') expect(path).toMatch(/^docs\//)
    }),
    { numRuns: 1000 },
  )
})
