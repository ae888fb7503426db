import fc from 'fast-check'
import { expect, test } from 'vitest'
import { decideApproval } from './approval.ts'
import type { ApprovalPolicy, ApprovalRule, PermissionQuestion } from './ports.ts'

const kinds = ['read', 'edit', 'delete', 'move', 'search', 'execute', 'think', 'fetch', 'other'] as const
type Kind = PermissionQuestion['kind']

const question = (kind: Kind, paths: readonly string[] = [], title = 'do it'): PermissionQuestion => ({
  kind,
  title,
  paths,
})
const edits: ApprovalPolicy = { mode: 'edits', rules: [] }
const decision = (asked: PermissionQuestion, policy = edits, root = '/repo') =>
  decideApproval(asked, policy, root).decision
const ruled = (...rules: readonly ApprovalRule[]): ApprovalPolicy => ({ mode: 'none', rules })

test.each([
  ['none', ['read', 'search', 'think']],
  ['edits', ['read', 'edit', 'delete', 'move', 'search', 'think']],
  ['all', kinds],
] as const)('mode %s allows %j for a file of the workspace', (mode, allowed) => {
  const got = kinds.filter((kind) => decision(question(kind, ['/repo/a.ts']), { mode, rules: [] }) === 'allow')
  expect(got).toEqual([...allowed])
})

test.each([
  ['/repo/a', 'allow'],
  ['/repo/deep/er/a', 'allow'],
  ['/repo//a', 'allow'],
  ['/repo/./b/../a', 'allow'],
  ['a.ts', 'allow'],
  ['./a.ts', 'allow'],
  ['/repo/..hidden', 'allow'],
  ['/repo/.github/x', 'allow'],
  ['/repo/a\\b', 'allow'],
  ['/repo-evil/a', 'deny'],
  ['/repo.ts', 'deny'],
  ['/Repo/a', 'deny'],
  ['/repo', 'deny'],
  ['/repo/', 'deny'],
  ['/repo/.', 'deny'],
  ['/repo/../etc/passwd', 'deny'],
  ['/repo/a/../../repo-evil/a', 'deny'],
  ['../repo-evil/a', 'deny'],
  ['/', 'deny'],
  ['', 'deny'],
  ['~/.ssh/config', 'deny'],
  ['~root/x', 'deny'],
  ['/repo/a\0/../../etc', 'deny'],
  ['/repo/.git/hooks/pre-commit', 'deny'],
  ['/repo/sub/.GIT/config', 'deny'],
  ['/etc/repo/a', 'deny'],
] as const)('with /repo as the workspace, a change of %j is: %s', (path, expected) => {
  for (const kind of ['edit', 'delete', 'move'] as const) expect(decision(question(kind, [path]))).toBe(expected)
})

test('one path outside is enough to deny', () => {
  expect(decision(question('move', ['/repo/a', '/repo/b']))).toBe('allow')
  expect(decideApproval(question('move', ['/repo/a', '/tmp/b']), edits, '/repo')).toEqual({
    decision: 'deny',
    because: '/tmp/b is not in the workspace',
  })
})

test('a change that names no file is denied, since it may be any file', () => {
  for (const kind of ['edit', 'delete', 'move'] as const) {
    expect(decideApproval(question(kind), edits, '/repo').because).toContain('does not say which file')
  }
})

test('a Windows workspace takes both slashes, and .. stays on its drive', () => {
  expect(decision(question('edit', ['C:\\repo\\a']), edits, 'C:\\repo')).toBe('allow')
  expect(decision(question('edit', ['C:/repo/a']), edits, 'C:\\repo')).toBe('allow')
  expect(decision(question('edit', ['C:\\repo-evil\\a']), edits, 'C:\\repo')).toBe('deny')
  expect(decision(question('edit', ['C:\\repo\\..\\a']), edits, 'C:\\repo')).toBe('deny')
  expect(decision(question('edit', ['D:\\repo\\a']), edits, 'C:\\repo')).toBe('deny')
})

test('the first rule that fits decides, over the mode', () => {
  const policy = ruled(
    { decision: 'deny', match: '*rm *' },
    { decision: 'allow', kind: 'execute', match: 'npm *' },
    { decision: 'deny', kind: 'read' },
  )
  expect(decision(question('execute', [], 'npm test'), policy)).toBe('allow')
  expect(decision(question('execute', [], 'npm run rm x'), policy)).toBe('deny')
  expect(decision(question('other', [], 'npm test'), policy)).toBe('deny')
  expect(decision(question('execute', [], ' npm test'), policy)).toBe('deny')
  expect(decideApproval(question('read'), policy, '/repo')).toEqual({
    decision: 'deny',
    because: 'a rule says to deny read',
  })
  expect(decideApproval(question('fetch'), ruled({ decision: 'allow' }), '/repo').because).toBe(
    'a rule says to allow everything',
  )
})

test('a rule that allows by path needs every path, one that denies needs any', () => {
  const allow = ruled({ decision: 'allow', match: '/repo/src/*' })
  expect(decision(question('edit', ['/repo/src/a', '/repo/src/b']), allow)).toBe('allow')
  expect(decision(question('edit', ['/repo/src/a', '/etc/passwd']), allow)).toBe('deny')
  expect(decision(question('edit', ['/repo/src/../../etc/passwd']), allow)).toBe('deny')
  expect(decision(question('edit', ['src/a']), allow)).toBe('allow')
  const deny: ApprovalPolicy = { mode: 'all', rules: [{ decision: 'deny', match: '*.env' }] }
  expect(decision(question('edit', ['/repo/a', '/repo/.env']), deny)).toBe('deny')
  expect(decision(question('edit', ['/repo/secret/../.env']), deny)).toBe('deny')
  expect(decision(question('edit', ['/repo/a']), deny)).toBe('allow')
})

test.each([
  ['*', '', true],
  ['*', 'anything\nat all', true],
  ['**', 'x', true],
  ['a*', 'a', true],
  ['a*a', 'a', false],
  ['a*a', 'aa', true],
  ['a*b*c', 'a1b2c', true],
  ['a*b*c', 'a1c2b', false],
  ['*x', 'axbx', true],
  ['*ab*b', 'ab', false],
  ['a.c', 'abc', false],
  ['[a-z]+', 'abc', false],
  ['', 'abc', false],
  ['abc', 'abc', true],
  ['abc', 'abcd', false],
])('the pattern %j fits %j: %s', (match, title, expected) => {
  expect(decision(question('other', [], title), ruled({ decision: 'allow', match })) === 'allow').toBe(expected)
})

test('a pattern fits what it fits as a regular expression', () => {
  const piece = fc.string({ unit: fc.constantFrom('a', 'b', '*'), maxLength: 8 })
  const text = fc.string({ unit: fc.constantFrom('a', 'b'), maxLength: 10 })
  fc.assert(
    fc.property(piece, text, (match, title) => {
      const expected = new RegExp(`^${match.replaceAll('*', '.*')}$`).test(title)
      expect(decision(question('other', [], title), ruled({ decision: 'allow', match })) === 'allow').toBe(expected)
    }),
  )
})

test('a pattern made to be slow is not', { timeout: 5000 }, () => {
  const match = `${'a*'.repeat(2000)}b`
  expect(decision(question('other', [], 'a'.repeat(100_000)), ruled({ decision: 'allow', match }))).toBe('deny')
})
