// Shows that the layer rules of biome.json hold: plants one fault per rule in a copy of the tree, and one allowed import per
// rule, and looks what the linter says of each. A rule that no longer fires is a rule we no longer have.
import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')

/** An import that must be refused: [file that gets it, what it imports]. */
const refusedImports = [
  ['core/a.ts', 'node:fs'],
  ['core/a.ts', 'node:process'],
  ['core/a.ts', '../engine/runs.ts'],
  ['core/a.ts', '../loops/goal.ts'],
  ['core/a.ts', '../store/memory.ts'],
  ['core/a.ts', '../formats/yaml.ts'],
  ['core/a.ts', '../folder/folder.ts'],
  ['core/a.ts', '../config.ts'],
  ['core/a.ts', '../compose.ts'],
  ['core/a.ts', '../surfaces/cli/main.ts'],
  ['core/spec/a.ts', 'node:path'],
  ['core/spec/a.ts', '../../engine/runs.ts'],
  ['core/spec/a.ts', '../../formats/yaml.ts'],
  ['core/spec/a.ts', '../../config/schema.ts'],
  ['core/spec/a.ts', '../../app.ts'],
  ['engine/a.ts', 'node:fs'],
  ['engine/a.ts', 'node:child_process'],
  ['engine/a.ts', '../store/sqlite.ts'],
  ['engine/a.ts', '../loops/goal.ts'],
  ['engine/a.ts', '../folder/folder.ts'],
  ['engine/a.ts', '../testing/clock.ts'],
  ['loops/a.ts', 'node:crypto'],
  ['loops/a.ts', '../agents/registry.ts'],
  ['loops/a.ts', '../formats/yaml.ts'],
  ['loops/a.ts', '../config.ts'],
  ['loops/goal/a.ts', 'node:os'],
  ['loops/goal/a.ts', '../../workspace/git.ts'],
  ['agents/a.ts', '../engine/runs.ts'],
  ['agents/a.ts', '../workspace/create.ts'],
  ['agents/a.ts', '../store/memory.ts'],
  ['agents/command/presets/a.ts', '../../../config.ts'],
  ['agents/command/presets/a.ts', '../../../checks/command.ts'],
  ['workspace/a.ts', '../agents/registry.ts'],
  ['workspace/a.ts', '../engine/runs.ts'],
  ['checks/a.ts', '../store/memory.ts'],
  ['checks/a.ts', '../workspace/merge.ts'],
  ['store/a.ts', '../engine/runs.ts'],
  ['store/a.ts', '../formats/yaml.ts'],
  ['store/a.ts', '../agents/registry.ts'],
  ['dispatch/a.ts', '../engine/runs.ts'],
  ['dispatch/a.ts', '../store/sqlite.ts'],
  ['notify/a.ts', '../engine/runs.ts'],
  ['notify/a.ts', '../store/memory.ts'],
  ['notify/a.ts', '../config.ts'],
  ['core/a.ts', '../notify/slack.ts'],
  ['loops/a.ts', '../notify/slack.ts'],
  ['agents/a.ts', '../notify/slack.ts'],
  ['surfaces/cli/a.ts', '../../notify/slack.ts'],
  ['forge/a.ts', '../sources/git.ts'],
  ['forge/a.ts', '../engine/runs.ts'],
  ['forge/a.ts', '../config.ts'],
  ['sources/a.ts', '../forge/find.ts'],
  ['sources/a.ts', '../workspace/discover.ts'],
  ['sources/a.ts', '../checks/command.ts'],
  ['core/a.ts', '../forge/find.ts'],
  ['loops/a.ts', '../sources/git.ts'],
  ['surfaces/cli/commands/b.ts', '../../../forge/find.ts'],
  ['process/a.ts', '../workspace/git.ts'],
  ['process/a.ts', '../engine/runs.ts'],
  ['folder/a.ts', '../engine/runs.ts'],
  ['folder/a.ts', '../store/memory.ts'],
  ['folder/a.ts', '../process/tree.ts'],
  ['folder/a.ts', '../config.ts'],
  ['formats/a.ts', '../engine/runs.ts'],
  ['formats/a.ts', '../process/tree.ts'],
  ['formats/a.ts', '../config.ts'],
  ['config/a.ts', '../engine/runs.ts'],
  ['config/a.ts', '../process/tree.ts'],
  ['config/a.ts', '../compose.ts'],
  ['testing/a.ts', '../workspace/git.ts'],
  ['testing/a.ts', '../loops/goal.ts'],
  ['testing/a.ts', '../compose.ts'],
  ['app.ts', './surfaces/cli/main.ts'],
  ['compose/a.ts', '../surfaces/cli/main.ts'],
  ['index.ts', './surfaces/cli/main.ts'],
  ['surfaces/cli/a.ts', '../../store/sqlite.ts'],
  ['surfaces/cli/a.ts', '../../agents/registry.ts'],
  ['surfaces/cli/a.ts', '../../folder/folder.ts'],
  ['surfaces/cli/commands/a.ts', '../../../workspace/git.ts'],
  ['engine/a.ts', 'commander'],
  ['store/a.ts', '@clack/prompts'],
  ['library.ts', 'log-update'],
]

/** An import that must pass, so that no rule refuses everything. */
const allowedImports = [
  ['core/a.ts', './json.ts'],
  ['core/spec/a.ts', '../json.ts'],
  ['core/spec/a.ts', 'zod'],
  ['engine/a.ts', '../core/ports.ts'],
  ['loops/goal/a.ts', '../../engine/context.ts'],
  ['agents/a.ts', '../process/supervise.ts'],
  ['checks/a.ts', '../workspace/git.ts'],
  ['agents/command/a.ts', '../../workspace/git.ts'],
  ['sources/a.ts', '../workspace/git.ts'],
  ['sources/a.ts', '../process/supervise.ts'],
  ['forge/a.ts', '../core/ports.ts'],
  ['notify/a.ts', '../process/command.ts'],
  ['store/a.ts', 'node:sqlite'],
  ['compose/a.ts', '../store/sqlite.ts'],
  ['folder/a.ts', '../core/view.ts'],
  ['formats/a.ts', '../core/errors.ts'],
  ['config/a.ts', '../formats/yaml.ts'],
  ['testing/a.ts', '../engine/services.ts'],
  ['surfaces/cli/a.ts', '../../compose.ts'],
  ['surfaces/cli/a.ts', 'commander'],
]

/** Other faults, with the rule that must name each. */
const refusedCode = [
  ['engine/a.ts', 'export const home = process.env.HOME', 'style/noProcessEnv'],
  ['surfaces/cli/a.ts', "export const home = process.env['HOME']", 'style/noProcessEnv'],
  ['agents/a.ts', "import { env } from 'node:process'\nexport const home = env.HOME", 'style/noProcessEnv'],
  ['core/a.ts', 'export const read = (text: any) => text', 'suspicious/noExplicitAny'],
  ['core/a.ts', 'export const sure = (text?: string) => text!.length', 'style/noNonNullAssertion'],
  ['core/a.ts', 'export default 1', 'style/noDefaultExport'],
  ['core/a.ts', 'export enum Colour { Red }', 'style/noEnum'],
]
const allowedCode = [
  ['config.ts', 'export const home = process.env.HOME'],
  ['config/a.ts', 'export const home = process.env.HOME'],
  ['store/a.test.ts', 'export const home = process.env.HOME'],
]

const plants = [
  ...refusedImports.map(([file, from]) => plant(file, importOf(from), 'style/noRestrictedImports', from)),
  ...allowedImports.map(([file, from]) => plant(file, importOf(from), undefined, from)),
  ...refusedCode.map(([file, code, rule]) => plant(file, code, rule)),
  ...allowedCode.map(([file, code]) => plant(file, code)),
]

function importOf(from) {
  return `import * as it from '${from}'\nexport const used = it\n`
}

function plant(file, code, rule, from) {
  return { file, code, rule, says: from ? `${file} imports ${from}` : `${file}: ${code.replaceAll('\n', '; ')}` }
}

const copy = mkdtempSync(join(tmpdir(), 'loopwright-layers-'))
let failed = 0
try {
  for (const name of ['biome.json', '.gitignore', 'package.json']) cpSync(join(root, name), join(copy, name))
  symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'), 'dir')
  // Plants of one file would overwrite each other, so each round holds every file once.
  let rest = plants
  while (rest.length > 0) {
    const round = rest.filter((one, at) => rest.findIndex((other) => other.file === one.file) === at)
    rest = rest.filter((one) => !round.includes(one))
    rmSync(join(copy, 'src'), { recursive: true, force: true })
    for (const { file, code } of round) write(join(copy, 'src', file), code)
    const found = lint()
    for (const { file, rule, says } of round) {
      const rules = found.filter((one) => one.file === `src/${file}`).map((one) => one.rule)
      if (rule ? rules.includes(rule) : rules.length === 0) continue
      failed += 1
      console.error(rule ? `not caught (${rule}): ${says}` : `refused though allowed (${rules}): ${says}`)
    }
  }
  rmSync(join(copy, 'src'), { recursive: true, force: true })
  write(join(copy, 'src/core/a.ts'), "import { b } from './b.ts'\nexport const a = () => b\n")
  write(join(copy, 'src/core/b.ts'), "import { a } from './a.ts'\nexport const b = () => a\n")
  if (!lint().some(({ rule }) => rule === 'suspicious/noImportCycles')) {
    failed += 1
    console.error('not caught (suspicious/noImportCycles): two files that import each other')
  }
} finally {
  rmSync(copy, { recursive: true, force: true })
}
console.log(`${plants.length + 1 - failed} passed, ${failed} failed`)
process.exitCode = failed > 0 ? 1 : 0

function write(path, text) {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, text)
}

/** Every finding of the linter in the copy. */
function lint() {
  const biome = join(root, 'node_modules', '@biomejs', 'biome', 'bin', 'biome')
  const args = [biome, 'lint', '--reporter=json', '--max-diagnostics=none', '--no-errors-on-unmatched', 'src']
  const { stdout, stderr, error } = spawnSync(process.execPath, args, { cwd: copy, encoding: 'utf8' })
  if (error || !stdout.trim().startsWith('{')) throw new Error(`the linter gave no report: ${error ?? stderr}`)
  return JSON.parse(stdout).diagnostics.map((one) => ({
    file: typeof one.location?.path === 'string' ? one.location.path : one.location?.path?.file,
    rule: one.category?.replace(/^lint\//, ''),
  }))
}
