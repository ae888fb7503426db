import { expect, test } from 'vitest'
import { decideChange, decideTriage, rulePatch, type TriageFacts, type TriagerAnswer } from './decide.ts'
import type { Finding } from './finding.ts'
import type { GateRuling } from './gate.ts'

const found = (id: string, more: Partial<Finding> = {}): Finding => ({
  id,
  source: 'todo',
  title: id,
  weight: 'normal',
  ...more,
})
const facts = (more: Partial<TriageFacts> = {}): TriageFacts => ({
  findings: [found('a'), found('b', { weight: 'high' }), found('c', { weight: 'low', url: 'http://x/1' })],
  mayAct: true,
  attempts: {},
  maxAttempts: 3,
  waiting: [],
  ...more,
})
const answer = (more: Partial<TriagerAnswer> = {}): TriagerAnswer => ({
  decision: 'act',
  reason: 'small',
  items: [],
  actOn: 'a',
  proposal: 'mend it',
  ...more,
})

test('an act is an act where nothing speaks against it, with the finding as it was found', () => {
  const { decision, item, proposal, reason } = decideTriage(answer(), facts())
  expect({ decision, item, proposal, reason }).toEqual({
    decision: 'act',
    item: found('a'),
    proposal: 'mend it',
    reason: 'small',
  })
})

test.each<[string, Partial<TriagerAnswer>, Partial<TriageFacts>, string]>([
  ['the level forbids it', {}, { mayAct: false }, 'small'],
  ['the day’s tokens forbid it', {}, { reportOnly: '80 %' }, '80 %'],
  ['both do', {}, { reportOnly: '80 %', mayAct: false }, '80 %'],
  ['it names nothing', { actOn: '' }, {}, 'nothing that was found'],
  ['it names what was not found', { actOn: 'z' }, {}, 'nothing that was found'],
  ['it names a word of the language', { actOn: '__proto__' }, {}, 'nothing that was found'],
  ['the item waits', {}, { waiting: ['a'] }, 'waits for a human'],
  ['the item waits, though a person names it', {}, { waiting: ['a'], named: 'a' }, 'waits for a human'],
  ['it was tried too often', {}, { attempts: { a: 3 } }, 'needs a human'],
  ['no try is allowed', {}, { maxAttempts: 0 }, 'needs a human'],
  ['another was asked for', {}, { named: 'b' }, 'only b was asked for'],
])('an act is a report where %s', (_name, said, known, reason) => {
  const triaged = decideTriage(answer(said), facts(known))
  expect(triaged).toMatchObject({ decision: 'report', proposal: '' })
  expect(triaged.reason).toContain(reason)
  expect(triaged).not.toHaveProperty('item')
})

test('an answer may leave out whom it acts on only where it does not act', () => {
  const { actOn: _none, ...rest } = answer()
  expect(decideTriage(rest, facts()).decision).toBe('report')
  expect(decideTriage({ ...rest, decision: 'noop' }, facts()).decision).toBe('noop')
})

test('tries are counted up to the last, and not against a person who names the item', () => {
  expect(decideTriage(answer(), facts({ attempts: { a: 2 } })).decision).toBe('act')
  expect(decideTriage(answer(), facts({ attempts: { a: 9 }, named: 'a' })).decision).toBe('act')
})

test('without an answer everything is reported, and nothing where nothing was found', () => {
  expect(decideTriage(undefined, facts())).toMatchObject({ decision: 'report', items: [{}, {}, {}] })
  expect(decideTriage(undefined, facts({ findings: [] }))).toMatchObject({ decision: 'noop', items: [] })
})

test('findings are ranked by the triager, by their weight where it says nothing, and high where a human is needed', () => {
  const items = [
    { id: 'a', rank: 'noise', why: 'seen' },
    { id: 'c', rank: 'watch', why: 'soon' },
    { id: 'nobody', rank: 'high', why: 'made up' },
  ] as const
  const { items: ranked } = decideTriage(answer({ decision: 'report', items }), facts({ waiting: ['c'] }))
  expect(ranked).toEqual([
    { id: 'a', title: 'a', rank: 'noise', why: 'seen', source: 'todo' },
    { id: 'b', title: 'b', rank: 'high', why: '', source: 'todo' },
    { id: 'c', title: 'c', rank: 'high', why: 'waits for a human', source: 'todo', url: 'http://x/1' },
  ])
  const tired = decideTriage(answer({ decision: 'noop' }), facts({ attempts: { a: 3 } })).items[0]
  expect(tired).toMatchObject({ rank: 'high', why: 'needs a human: it was tried too often' })
})

const check = (name: string, ok: boolean) => ({
  ...{ name, ok, exit_code: ok ? 0 : 1, stdout: '', stderr: '', error: null, duration: 1 },
})
type ChangeFacts = Parameters<typeof decideChange>[0]
const change = (more: Partial<ChangeFacts> = {}): ChangeFacts => ({
  files: ['a.ts'],
  checks: [check('test', true)],
  verifier: { word: 'APPROVE', evidence: 'ran it' },
  unattended: false,
  ...more,
})

test('a change is accepted only with files, passed checks and an APPROVE', () => {
  expect(decideChange(change())).toEqual({ verdict: 'accept', reason: 'ran it' })
  expect(decideChange(change({ checks: [] }))).toMatchObject({ verdict: 'accept' })
})

test.each<[string, Partial<ChangeFacts>, ReturnType<typeof decideChange>]>([
  ['nothing changed', { files: [] }, { verdict: 'reject', reason: 'nothing was changed' }],
  ['the call failed', { failed: 'it broke' }, { verdict: 'reject', reason: 'it broke' }],
  ['the call failed for no reason', { failed: '' }, { verdict: 'reject', reason: '' }],
  [
    'checks fail',
    { checks: [check('a', false), check('b', true), check('c', false)] },
    { verdict: 'reject', reason: 'failed: a, c' },
  ],
  ['nobody verified', { verifier: undefined }, { verdict: 'reject', reason: 'the verifier gave no verdict' }],
  [
    'the verifier rejects',
    { verifier: { word: 'REJECT', evidence: '' } },
    { verdict: 'reject', reason: 'the verifier rejected it' },
  ],
  [
    'a check fails and a human is wished for',
    { checks: [check('a', false)], verifier: { word: 'ESCALATE_HUMAN', evidence: '' } },
    { verdict: 'reject', reason: 'failed: a' },
  ],
  [
    'a human is wished for',
    { verifier: { word: 'ESCALATE_HUMAN', evidence: '' } },
    { verdict: 'escalate', reason: 'the verifier wants a human' },
  ],
])('a change where %s is not', (_name, more, expected) => {
  expect(decideChange(change(more))).toEqual(expected)
})

test('what works unattended needs a check besides a model’s word', () => {
  expect(decideChange(change({ unattended: true }))).toMatchObject({ verdict: 'accept' })
  expect(decideChange(change({ unattended: true, checks: [] }))).toMatchObject({ verdict: 'escalate' })
  const rejected = change({ unattended: true, checks: [], verifier: { word: 'REJECT', evidence: 'no' } })
  expect(decideChange(rejected)).toMatchObject({ verdict: 'reject' })
})

const ruling = (decision: GateRuling['decision']): GateRuling => ({
  decision,
  trigger: 'ok',
  reason: 'because',
  matchedPaths: [],
  risks: ['security'],
})
const spot = (severity: 'escalate' | 'deny', path = 'a.ts', line = 3) => ({ path, line, kind: 'secret', severity })

test('a look at the patch makes a ruling stricter and never milder', () => {
  const order = ['allow', 'escalate', 'deny'] as const
  for (const before of order) {
    expect(rulePatch(ruling(before), [])).toEqual(ruling(before))
    for (const severity of ['escalate', 'deny'] as const) {
      const after = rulePatch(ruling(before), [spot('escalate', 'b.ts'), spot(severity)])
      const wanted = Math.max(order.indexOf(before), order.indexOf(severity))
      expect(after.decision, `${before} and ${severity}`).toBe(order[wanted])
      expect(after.risks).toEqual(['security'])
    }
  }
})

test('it names the worst place and how many more there are, on one line', () => {
  expect(
    rulePatch(ruling('allow'), [spot('escalate'), spot('deny', 'b\n\u001b[2J.ts', 9), spot('deny')]),
  ).toMatchObject({
    decision: 'deny',
    trigger: 'patch',
    reason: 'secret in b .ts:9 (and 2 more)',
    matchedPaths: ['a.ts', 'b\n\u001b[2J.ts'],
  })
  expect(rulePatch(ruling('allow'), [spot('escalate', 'the change', 0)]).reason).toBe('secret in the change')
  const many = Array.from({ length: 400 }, (_, n) => spot('deny', `${n}.ts`))
  expect(rulePatch(ruling('allow'), many).matchedPaths).toHaveLength(50)
})

test('no answer of any kind gets a change made that the facts forbid', () => {
  const decisions = ['noop', 'report', 'act'] as const
  const [flags, tries] = [
    [true, false],
    [0, 2, 3, 9],
  ]
  for (const decision of decisions)
    for (const mayAct of flags)
      for (const reportOnly of [undefined, 'the day'])
        for (const attempts of tries)
          for (const waits of flags)
            for (const named of [undefined, 'a', 'b']) {
              const known = facts({
                mayAct,
                attempts: { a: attempts },
                waiting: waits ? ['a'] : [],
                ...(reportOnly === undefined ? {} : { reportOnly }),
                ...(named === undefined ? {} : { named }),
              })
              const may =
                decision === 'act' &&
                mayAct &&
                reportOnly === undefined &&
                !waits &&
                named !== 'b' &&
                (attempts < 3 || named === 'a')
              expect(decideTriage(answer({ decision }), known).decision === 'act').toBe(may)
            }
})
