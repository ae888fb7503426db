import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { loadConfig, loadSpecFile } from '../../src/config.ts'
import { parsePlan, planFormat } from '../../src/formats/prd.ts'
import { scratch, write } from '../fixtures/repo.ts'
import { anchorOf, type Block, blocksOf, pages, proseOf, readPage, root } from './docs-blocks.ts'

const filesOn = (page: string): { block: Block; path: string }[] =>
  blocksOf(page).flatMap((block) => {
    const path = /^file=(\S+)$/.exec(block.info)?.[1]
    return path === undefined ? [] : [{ block, path }]
  })

test('every link between pages leads somewhere', () => {
  const broken: string[] = []
  for (const page of pages()) {
    for (const [, target = ''] of proseOf(page).matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^[a-z]+:/.test(target)) continue
      const [path = '', anchor] = target.split('#')
      const file = path === '' ? page : join(dirname(page), path)
      const there = existsSync(join(root, file))
      const headings = there && anchor !== undefined ? [...readPage(file).matchAll(/^#+ (.+)$/gm)] : []
      if (!there || (anchor !== undefined && !headings.some(([, text = '']) => anchorOf(text) === anchor)))
        broken.push(`${page}: ${target}`)
    }
  }
  expect(broken).toEqual([])
})

test('every block says what it is', () => {
  const unnamed = pages().flatMap((page) =>
    blocksOf(page).filter((block) => block.language === '' && block.info !== ''),
  )
  expect(unnamed).toEqual([])
  const yaml = pages().flatMap((page) => blocksOf(page).filter((block) => block.language === 'yaml'))
  const loose = yaml.filter((block) => block.info === '' && block.page !== join('docs', 'scripted-agent.md'))
  expect(loose.map((block) => `${block.page}:${block.line}`)).toEqual([])
})

for (const page of pages()) {
  for (const { block, path } of filesOn(page)) {
    test(`${page}:${block.line} ${path} is read without complaint`, async () => {
      using temporary = scratch()
      write(temporary.path, { [path]: block.text })
      if (path === '.config/loopwright/config.yaml') {
        const config = await loadConfig({ cwd: '/', env: { HOME: temporary.path } })
        expect([...config.sources.values()].some(({ layer }) => layer === 'user')).toBe(true)
      } else if (path === '.loopwright/config.yaml') {
        const config = await loadConfig({ cwd: temporary.path, env: { HOME: temporary.path } })
        expect(config.projectFile?.text).toBe(block.text)
      } else {
        expect(await loadSpecFile(join(temporary.path, path))).toMatchObject({ source: { text: block.text } })
      }
    })
  }
}

test('the page of loop files names every field of a goal', async () => {
  using temporary = scratch()
  const written = new Set<string>()
  for (const { block, path } of filesOn(join('docs', 'loop-files.md'))) {
    mkdirSync(dirname(join(temporary.path, path)), { recursive: true })
    writeFileSync(join(temporary.path, path), block.text)
    for (const [, key = ''] of block.text.matchAll(/^(\w+):/gm)) written.add(key)
  }
  const { goalJsonSchema } = await import('../../src/index.ts')
  const fields = Object.keys((goalJsonSchema() as { readonly properties: object }).properties)
  expect([...written].sort()).toEqual(fields.sort())
})

test('the mistakes that the page of loop files shows are answered as it says', async () => {
  using temporary = scratch()
  const said = async (text: string) => {
    write(temporary.path, { 'wrong.yaml': text })
    return await loadSpecFile(join(temporary.path, 'wrong.yaml')).then(
      () => '',
      (error: { readonly message: string; readonly hint?: string }) => `${error.message}\n${error.hint ?? ''}`,
    )
  }
  const page = readPage(join('docs', 'loop-files.md'))
  const rows: readonly (readonly [file: string, ...said: string[]])[] = [
    ['goal: x\nverfy: npm test\n', 'unknown key "verfy"', 'did you mean "verify"?'],
    ['goal: x\nverify: npm test | tail\n', '`|` needs a shell, and this command runs without one'],
    ['goal: x\nbudget: {iterations: 0, duration: soon}\n', 'budget.iterations: 0 is too small, at least 1'],
    ['criteria: x\n', 'goal is missing', 'add "goal: …"'],
    ['goal: x\nisolation: docker\n', 'isolation: "docker" is not allowed', 'one of: worktree, inplace'],
    ['goal: x\nattemptAgents: [codex]\n', 'attemptAgents needs attempts', 'add attempts: 2'],
    ['goal: x\nverify: {run: a, shell: b}\n', 'give either `run` or `shell`, not both'],
    ['goal: x\ngoal: y\n', 'this key is there twice', 'remove one of the two'],
  ]
  for (const [file, ...parts] of rows) {
    const answer = await said(file)
    for (const part of parts) {
      expect(answer).toContain(part)
      expect(page).toContain(part)
    }
  }
})

test('the examples are read without complaint', async () => {
  for (const name of ['fix.yaml', 'backlog.yaml']) {
    expect((await loadSpecFile(join(root, 'examples', 'loops', name))).spec.kind).toBe('goal')
  }
  const plan = 'examples/loops/PRD.md'
  const stories = parsePlan(readPage(plan), planFormat(plan), plan)
  expect(stories.map((story) => story.id)).toEqual(['US-1', 'US-2'])
})
