import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { ApprovalPolicy } from '../../core/ports.ts'
import { answerOf, optionFor, questionOf } from './question.ts'

let top: string
let repo: string
beforeEach(() => {
  top = realpathSync(mkdtempSync(join(tmpdir(), 'acp-question-')))
  repo = join(top, 'repo')
  mkdirSync(join(repo, 'src'), { recursive: true })
  mkdirSync(join(top, 'outside'))
})
afterEach(() => rmSync(top, { recursive: true }))

const edits: ApprovalPolicy = { mode: 'edits', rules: [] }
const edit = (...paths: readonly string[]) => ({ kind: 'edit', title: 'edit', paths }) as const
const decision = (path: string, policy = edits, cwd = repo) => answerOf(edit(path), policy, cwd).decision

test('every place that may name a file is looked at', () => {
  const question = questionOf({
    kind: 'edit',
    title: 'Edit a',
    locations: [{ path: '/repo/a' }, {}],
    content: [{ type: 'diff', path: '/repo/b' }, null, { type: 'content' }],
    rawInput: {
      file_path: '/repo/c',
      fileName: '/repo/d',
      paths: ['/repo/e', 5],
      old_path: 'file:///repo/f%20g',
      changes: { '/repo/h': {} },
      content: '/not/a/path',
      absolute_path: '/repo/a',
    },
  })
  expect(question).toEqual({
    kind: 'edit',
    title: 'Edit a',
    paths: ['/repo/a', '/repo/b', '/repo/c', '/repo/d', '/repo/e', '/repo/f g', '/repo/h'],
  })
})

test('of a command the command itself is the title, whatever it is called', () => {
  expect(questionOf({ kind: 'execute', title: 'Harmless', rawInput: { command: 'rm -rf /' } }).title).toBe('rm -rf /')
  expect(questionOf({ kind: 'execute', rawInput: { command: ['rm', '-rf', '/'] } }).title).toBe('rm -rf /')
  expect(questionOf({ kind: 'edit', title: 'Create', rawInput: { command: 'create' } }).title).toBe('Create')
})

test('what cannot be read is other', () => {
  expect(questionOf({})).toEqual({ kind: 'other', title: 'other', paths: [] })
  expect(questionOf({ kind: 'switch_mode', title: 5, locations: 'x', rawInput: [] })).toMatchObject({ kind: 'other' })
})

test('links do not lead out of the workspace', () => {
  symlinkSync(join(top, 'outside'), join(repo, 'out'))
  symlinkSync('../outside/new', join(repo, 'dangling'))
  symlinkSync(join(repo, 'src'), join(repo, 'in'))
  symlinkSync('loop', join(repo, 'loop'))
  expect(decision(join(repo, 'src/a'))).toBe('allow')
  expect(decision('src/new/deep')).toBe('allow')
  expect(decision(join(repo, 'in/a'))).toBe('allow')
  expect(decision(join(repo, 'out/a'))).toBe('deny')
  expect(decision('out/new/deep')).toBe('deny')
  expect(decision(join(repo, 'dangling'))).toBe('deny')
  expect(decision(join(repo, 'loop'))).toBe('deny')
  expect(decision(join(repo, 'loop/a'))).toBe('deny')
  expect(decision(join(repo, 'src/../../outside/a'))).toBe('deny')
})

test('a workspace behind a link is one, by both its names', () => {
  const alias = join(top, 'alias')
  symlinkSync(repo, alias)
  expect(decision(join(alias, 'src/a'), edits, alias)).toBe('allow')
  expect(decision('src/a', edits, alias)).toBe('allow')
})

test('a rule that denies fits the file as well as the link to it', () => {
  symlinkSync(join(repo, 'src'), join(repo, 'in'))
  const rules = [{ decision: 'deny', match: '*/src/*' }] as const
  expect(decision(join(repo, 'in/a'), { mode: 'all', rules })).toBe('deny')
  expect(decision(join(repo, 'b'), { mode: 'all', rules })).toBe('allow')
})

test('options are taken by their kind, whatever they are called', () => {
  const options = [
    { optionId: 'yes!', kind: 'reject_once' },
    { optionId: 'b', kind: 'allow_always' },
    { kind: 'allow_once' },
    'x',
    { optionId: 'c', kind: 'allow_once' },
    { optionId: 'd', kind: 'reject_always' },
  ]
  expect(optionFor('allow', options)).toBe('c')
  expect(optionFor('deny', options)).toBe('yes!')
  expect(optionFor('allow', options.slice(0, 2))).toBe('b')
  expect(optionFor('deny', options.slice(5))).toBe('d')
  expect(optionFor('deny', [])).toBeUndefined()
})
