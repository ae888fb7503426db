import { execFile } from 'node:child_process'
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { expect, test } from 'vitest'
import { makeRepo, scratch, write } from '../fixtures/repo.ts'
import { type Block, blocksOf, pages, root } from './docs-blocks.ts'

/** A block is run unless it says `by hand`; `exits=1` says with which code its last command ends. */
const isRun = (block: Block) => block.language === 'sh' && block.info !== 'by hand'
const endsWith = (block: Block) => Number(/^exits=(\d+)$/.exec(block.info)?.[1] ?? 0)
const withCommands = pages().filter((page) => blocksOf(page).some(isRun))

interface Ran {
  readonly code: number
  readonly said: string
}

function shell(script: string, cwd: string, env: Readonly<Record<string, string | undefined>>): Promise<Ran> {
  return new Promise((resolve) => {
    execFile('/bin/sh', ['-ec', script], { cwd, env, timeout: 120_000 }, (error, stdout, stderr) => {
      resolve({ code: error ? Number(error.code ?? 1) : 0, said: `${stdout}\n${stderr}` })
    })
  })
}

test('commands on the pages are run', () => {
  expect(withCommands).toContain(join('docs', 'cli.md'))
})

for (const page of withCommands) {
  test(`the commands on ${page} do as it says, one after the other`, { timeout: 300_000 }, async () => {
    using temporary = scratch()
    const repository = makeRepo(join(temporary.path, 'repository'), {
      'package.json': '{ "name": "somebody", "private": true }\n',
    })
    const bin = join(temporary.path, 'bin')
    mkdirSync(bin)
    symlinkSync(join(root, 'bin', 'loopwright.mjs'), join(bin, 'loopwright'))
    symlinkSync(process.execPath, join(bin, 'node'))
    writeFileSync(join(temporary.path, 'gitconfig'), '[user]\n\tname = Ada\n\temail = ada@example.org\n')
    const env = {
      PATH: [bin, process.env.PATH].join(delimiter),
      HOME: temporary.path,
      LOOPWRIGHT_HOME: join(temporary.path, 'home'),
      LOOPWRIGHT_AGENT: 'scripted',
      GIT_CONFIG_GLOBAL: join(temporary.path, 'gitconfig'),
      NO_COLOR: '1',
    }
    for (const block of blocksOf(page)) {
      const file = /^file=(loops\/\S+)$/.exec(block.info)?.[1]
      if (file !== undefined) write(repository, { [file]: block.text })
      if (!isRun(block)) continue
      const { code, said } = await shell(block.text, repository, env)
      expect(code, `${page}:${block.line}\n${said}`).toBe(endsWith(block))
    }
  })
}
