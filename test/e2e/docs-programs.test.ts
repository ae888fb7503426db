import { execFile } from 'node:child_process'
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { makeRepo, scratch } from '../fixtures/repo.ts'
import { type Block, blocksOf, pages, root } from './docs-blocks.ts'

const execute = promisify(execFile)
const programs = pages().flatMap((page) => blocksOf(page).filter((block) => block.language === 'ts'))

/** Makes a project in which the package is installed, by way of this clone's sources. */
function installIn(project: string): void {
  const installed = join(project, 'node_modules', 'loopwright')
  mkdirSync(installed, { recursive: true })
  symlinkSync(join(root, 'src'), join(installed, 'src'))
  const faces = { '.': './src/index.ts', './testing': './src/testing.ts' }
  writeFileSync(join(installed, 'package.json'), JSON.stringify({ name: 'loopwright', type: 'module', exports: faces }))
  writeFileSync(join(project, 'package.json'), '{ "type": "module", "private": true }')
}

/** What a program says it prints: the comments behind its `console.log` calls. */
function promised({ text }: Block): string[] {
  return [...text.matchAll(/^\s*console\.log\(.*\) \/\/ (.+)$/gm)].map((found) => found[1] ?? '')
}

test('there are programs on the pages', () => {
  expect(programs.length).toBeGreaterThan(8)
})

for (const program of programs) {
  test(`${program.page}:${program.line} runs as it stands and prints what it says`, async () => {
    using temporary = scratch()
    const file = join(temporary.path, 'program.ts')
    installIn(temporary.path)
    writeFileSync(file, program.text)
    const { stdout } = await execute(process.execPath, [file], {
      cwd: makeRepo(join(temporary.path, 'repository')),
      env: { ...process.env, LOOPWRIGHT_HOME: join(temporary.path, 'home'), NO_COLOR: '1', NODE_NO_WARNINGS: '1' },
      timeout: 50_000,
    })
    for (const line of promised(program)) expect(stdout.split('\n')).toContain(line)
  })
}

test('every program on the pages passes the type checker', async () => {
  using temporary = scratch()
  installIn(temporary.path)
  for (const { page, line, text } of programs) {
    writeFileSync(join(temporary.path, `page-${page.replaceAll('/', '-')}-${line}.ts`), text)
  }
  const config = {
    extends: join(root, 'tsconfig.json'),
    compilerOptions: { typeRoots: [join(root, 'node_modules', '@types')] },
    include: ['page-*.ts'],
  }
  writeFileSync(join(temporary.path, 'tsconfig.json'), JSON.stringify(config))
  const compiler = join(root, 'node_modules', 'typescript', 'bin', 'tsc')
  const said = await execute(process.execPath, [compiler, '-p', '.'], { cwd: temporary.path }).then(
    () => '',
    (error: { readonly stdout: string }) => error.stdout,
  )
  expect(said.split('\n').filter((line) => line.includes('error TS') && !line.includes('/src/'))).toEqual([])
})
