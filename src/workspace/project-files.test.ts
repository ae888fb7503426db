import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { createGit } from './git.ts'
import { projectFiles } from './project-files.ts'

let top: string
const env = { PATH: process.env.PATH ?? '', HOME: '/nonexistent', GIT_CONFIG_NOSYSTEM: '1' }
const git = createGit({ env })
const names = ['.mcp.json', '.claude/', 'opencode.json']

beforeEach(() => {
  top = mkdtempSync(join(tmpdir(), 'project-files-'))
})
afterEach(() => rmSync(top, { recursive: true, force: true }))

function put(path: string, text: string): void {
  mkdirSync(dirname(join(top, path)), { recursive: true })
  writeFileSync(join(top, path), text)
}

function repository(): void {
  const run = (...args: string[]) => execFileSync('git', args, { cwd: top, env })
  run('init', '-q')
  run('add', '-A')
  run('-c', 'user.name=a', '-c', 'user.email=a@b', 'commit', '-qm', 'one')
}

const found = async (query: Partial<Parameters<typeof projectFiles>[1]> = {}) =>
  Object.fromEntries(
    (await projectFiles(git, { project: top, isolation: 'worktree', names, ...query })).map(({ path, text }) => [
      path.slice(top.length + 1),
      text,
    ]),
  )

test('reads what the base commit holds, not what lies about', async () => {
  put('.claude/settings.json', 'committed')
  put('.claude/hooks/run.sh', 'echo')
  put('README.md', 'no matter')
  repository()
  put('.claude/settings.json', 'changed since')
  put('.mcp.json', 'never committed')
  expect(await found()).toEqual({ '.claude/settings.json': 'committed', '.claude/hooks/run.sh': 'echo' })
})

test('reads the files themselves where the work happens in place', async () => {
  put('.mcp.json', 'committed')
  repository()
  put('.mcp.json', 'changed since')
  expect(await found({ isolation: 'inplace' })).toEqual({ '.mcp.json': 'changed since' })
})

test('looks in the directory of the project and at the top of its repository', async () => {
  put('.mcp.json', 'of the top')
  put('web/opencode.json', 'of the part')
  put('other/.mcp.json', 'of another part')
  repository()
  expect(await found({ project: join(top, 'web') })).toEqual({
    '.mcp.json': 'of the top',
    'web/opencode.json': 'of the part',
  })
})

test('looks into every directory between the top and the project', async () => {
  put('web/.mcp.json', 'between')
  put('web/app/src/a', '')
  repository()
  expect(await found({ project: join(top, 'web/app/src') })).toEqual({ 'web/.mcp.json': 'between' })
})

test('tells a link from a file with the same text, and what it leads to', async () => {
  put('target', 'x')
  symlinkSync('target', join(top, '.mcp.json'))
  repository()
  expect(await found()).toEqual({ '.mcp.json': 'link to target', target: 'x' })
})

test('follows links on the way, inside of directories, and to other links; none in circles or out of the repository', async () => {
  put('real/hooks/run.sh', 'echo')
  symlinkSync('other', join(top, '.claude'))
  symlinkSync('real', join(top, 'other'))
  symlinkSync('../../elsewhere', join(top, 'real/hooks/out'))
  symlinkSync('hooks', join(top, 'real/hooks/loop'))
  repository()
  const held = { '.claude': 'link to other', other: 'link to real', 'real/hooks/run.sh': 'echo' }
  expect(await found({ names: ['.claude/hooks/'] })).toMatchObject(held)
  expect(await found({ names: ['.claude/hooks/run.sh'] })).toEqual(held)
  expect(Object.keys(await found({ names: ['.claude/'], isolation: 'inplace' }))).toContain('.claude/hooks/run.sh')
})

test('counts what is copied into a worktree', async () => {
  put('.gitignore', '.claude\n')
  repository()
  put('.claude/settings.local.json', 'mine')
  put('opencode.json', 'not copied')
  expect(await found({ copied: [] })).toEqual({})
  const copied = { '.claude/settings.local.json': 'mine' }
  for (const pattern of ['.claude', '.claude/*.json', '.claude/settings.local.json'])
    expect(await found({ copied: [pattern] })).toEqual(copied)
  expect(await found({ copied: 'any' })).toEqual({ ...copied, 'opencode.json': 'not copied' })
})

test('reads an asked base, and the directory outside of git', async () => {
  put('.mcp.json', 'first')
  expect(await found()).toEqual({ '.mcp.json': 'first' })
  repository()
  execFileSync('git', ['branch', 'old'], { cwd: top, env })
  put('.mcp.json', 'second')
  execFileSync('git', ['-c', 'user.name=a', '-c', 'user.email=a@b', 'commit', '-qam', 'two'], { cwd: top, env })
  expect(await found({ base: 'old' })).toEqual({ '.mcp.json': 'first' })
  expect(await found()).toEqual({ '.mcp.json': 'second' })
})

test('passes over a pipe and refuses what is too large to read', async () => {
  execFileSync('mkfifo', [join(top, '.mcp.json')])
  expect(await found()).toEqual({})
  put('opencode.json', 'x'.repeat(5_000_001))
  await expect(found()).rejects.toMatchObject({ code: 'bad_input' })
})
