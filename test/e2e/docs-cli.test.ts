import { join } from 'node:path'
import type { Command } from 'commander'
import { expect, test } from 'vitest'
import { processIo } from '../../src/surfaces/cli/process-io.ts'
import { createProgram } from '../../src/surfaces/cli/program.ts'
import { readPage, root } from './docs-blocks.ts'

const page = join('docs', 'cli.md')
const program = createProgram(processIo(), () => {})

function commandsOf(command: Command): Command[] {
  const shown = command.createHelp().visibleCommands(command)
  return shown.flatMap((one) => [one, ...commandsOf(one)])
}

function nameOf(command: Command): string {
  return command.parent === null ? command.name() : `${nameOf(command.parent)} ${command.name()}`
}

const cell = (text: string) => text.replaceAll('|', '\\|')

/** What the program says of a command, as a section of the page. */
function section(command: Command): string {
  const help = command.createHelp()
  const usage = command.registeredArguments.map((one) => {
    const name = `${one.name()}${one.variadic ? '...' : ''}`
    return one.required ? ` <${name}>` : ` [${name}]`
  })
  const options = help.visibleOptions(command).filter((option) => option.long !== '--help')
  const described = command.registeredArguments.filter((one) => one.description !== '')
  const aliases = command.aliases().map((alias) => ` Also \`${alias}\`.`)
  const rows = [
    ...described.map((one) => `| \`${one.name()}\` | ${cell(help.argumentDescription(one))} |`),
    ...options.map((one) => `| \`${cell(one.flags)}\` | ${cell(help.optionDescription(one))} |`),
  ]
  const title = `### \`${nameOf(command)}${usage.join('')}\`\n\n${command.description()}${aliases.join('')}\n`
  return rows.length === 0 ? title : `${title}\n| | |\n| --- | --- |\n${rows.join('\n')}\n`
}

test('the page has every command and flag of the program, and no other', async () => {
  const written = readPage(page)
  const made = commandsOf(program).map(section).join('\n')
  const whole = written.replace(
    /<!-- commands -->[\s\S]*<!-- \/commands -->/,
    () => `<!-- commands -->\n\n${made}\n<!-- /commands -->`,
  )
  await expect(whole).toMatchFileSnapshot(join(root, page))
})

test('flags that the pages speak of exist', () => {
  const known = new Set(['--version', '--help', '--yes', '--fix'])
  for (const command of commandsOf(program)) for (const option of command.options) known.add(option.long ?? '')
  const flags = /`(--[a-z][a-z-]+)[^`]*`/g
  const ofAgents = new Set([
    ...['--append-system-prompt', '--auto', '--permission-mode', '--yes-always'],
    ...['--dangerously-skip-permissions', '--dangerously-bypass-approvals-and-sandbox'],
  ])
  const unknown: string[] = []
  for (const name of ['README.md', page, ...['agents', 'budgets', 'concepts', 'workspaces', 'loop-files'].map(docs)]) {
    for (const [, flag = ''] of readPage(name).matchAll(flags))
      if (!known.has(flag) && !ofAgents.has(flag)) unknown.push(`${name}: ${flag}`)
  }
  expect(unknown).toEqual([])
})

function docs(name: string): string {
  return join('docs', `${name}.md`)
}
