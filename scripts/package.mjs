// Packs the package as `npm publish` would, looks at what is in it, and uses it from an empty folder as a stranger would.
// `node scripts/package.mjs [node binary ...]`: the Nodes to use it under; this one when none is named.
import { spawnSync } from 'node:child_process'
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { basename, delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { publint } from 'publint'
import { formatMessage } from 'publint/utils'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const nodes = process.argv.length > 2 ? process.argv.slice(2) : [process.execPath]
const { version, exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
const scratch = mkdtempSync(join(tmpdir(), 'loopwright-package-'))
const app = join(scratch, 'app')
let passed = 0
let failed = 0

try {
  const tarball = await check('npm pack builds dist/ from nothing', pack)
  if (tarball) {
    await check('it holds what it should and nothing else', () => contents(tarball))
    await check('publint finds nothing', lintPackage)
    await check('it installs into an empty folder', () => install(tarball))
    await check('a strict TypeScript program compiles against it', types)
    for (const node of nodes) {
      const name = run('node', ['--version'], { node }).trim()
      await check(`import('loopwright') and 'loopwright/testing' under Node ${name}`, () => imports(node))
      await check(`npx loopwright --version under Node ${name}`, () => command(node))
      await check(`npx loopwright --help under Node ${name}`, () => help(node))
      await check(`npx loopwright demo under Node ${name}`, () => demo(node))
      await check(`a triage tick of the tarball in an empty folder under Node ${name}`, () => tick(node, tarball))
    }
  }
} finally {
  rmSync(scratch, { recursive: true, force: true })
}
console.log(`${passed} passed, ${failed} failed`)
process.exitCode = failed > 0 ? 1 : 0

async function check(what, test) {
  try {
    const result = await test()
    passed += 1
    console.log(`ok: ${what}`)
    return result
  } catch (error) {
    failed += 1
    console.error(`FAILED: ${what}\n  ${error.message.replaceAll('\n', '\n  ')}`)
    return undefined
  }
}

function bin(...path) {
  return join(root, 'node_modules', ...path)
}

/** Runs a JavaScript program, `npm` or `npx` under a Node, and gives what it printed. */
function run(what, args, { node = process.execPath, cwd = root } = {}) {
  const program = what === 'npm' || what === 'npx' ? what : node
  const env = { ...process.env, PATH: `${dirname(node)}${delimiter}${process.env.PATH}` }
  // A folder of our own shell must not decide where npm works.
  for (const key of Object.keys(env))
    if (/^npm_(?!config_(cache|registry|cafile|userconfig))/i.test(key)) delete env[key]
  const done = spawnSync(program, args, { cwd, env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
  if (done.error) throw new Error(`${what} did not start: ${done.error.message}`)
  if (done.status !== 0)
    throw new Error(`${what} ended with ${done.status ?? done.signal}:\n${done.stdout}${done.stderr}`)
  return done.stdout
}

function pack() {
  rmSync(join(root, 'dist'), { recursive: true, force: true })
  run('npm', ['pack', '--pack-destination', scratch, '--loglevel=error'])
  const [name, ...others] = readdirSync(scratch).filter((file) => file.endsWith('.tgz'))
  if (!name || others.length > 0) throw new Error('npm pack made no tarball, or several')
  return join(scratch, name)
}

function contents(tarball) {
  const unpacked = join(scratch, 'unpacked')
  mkdirSync(unpacked)
  const { status, stderr } = spawnSync('tar', ['-xzf', tarball, '-C', unpacked], { encoding: 'utf8' })
  if (status !== 0) throw new Error(`tar: ${stderr}`)
  const top = join(unpacked, 'package')
  const files = readdirSync(top, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name).slice(top.length + 1))
  const allowed = /^(package\.json|README\.md|LICENSE|CHANGELOG\.md|bin\/loopwright\.mjs|dist\/.+\.(js|d\.ts))$/
  const needed = [
    'package.json',
    'README.md',
    'LICENSE',
    'CHANGELOG.md',
    'bin/loopwright.mjs',
    'dist/surfaces/cli/main.js',
  ]
  const exported = Object.values(exports).flatMap((entry) => (typeof entry === 'string' ? entry : Object.values(entry)))
  const problems = [
    ...files.filter((file) => !allowed.test(file) || /\.test\./.test(file)).map((file) => `${file} does not belong`),
    ...[...needed, ...exported.map((file) => file.replace('./', ''))]
      .filter((file) => !files.includes(file))
      .map((file) => `${file} is missing`),
    ...files
      .filter((file) => namesThisMachine(readFileSync(join(top, file), 'utf8')))
      .map((file) => `${file} names a folder of this machine`),
  ]
  if (problems.length > 0) throw new Error(problems.join('\n'))
}

async function lintPackage() {
  const pkgDir = join(scratch, 'unpacked', 'package')
  const { messages, pkg } = await publint({ pkgDir, pack: false, strict: true })
  if (messages.length > 0) throw new Error(messages.map((one) => formatMessage(one, pkg, { color: false })).join('\n'))
}

function namesThisMachine(text) {
  // A home of `/` would be found everywhere.
  return [root, homedir()].some((place) => place.length > 1 && text.includes(`${place}/`))
}

function install(tarball) {
  mkdirSync(app)
  writeFileSync(join(app, 'package.json'), JSON.stringify({ name: 'app', private: true, type: 'module' }))
  run('npm', ['install', tarball, '--no-audit', '--no-fund', '--loglevel=error'], { cwd: app })
}

function types() {
  const program = `import { defineLoop, isLoopwrightError, startRun } from 'loopwright'
import { memoryStore, replayTest } from 'loopwright/testing'
export const used: unknown[] = [defineLoop, isLoopwrightError, startRun, memoryStore, replayTest]
// @ts-expect-error: the types are really read
export const wrong: string = startRun
`
  writeFileSync(join(app, 'program.ts'), program)
  const options = ['--noEmit', '--strict', '--module', 'nodenext', '--target', 'es2024', '--skipLibCheck', 'false']
  // The package's own declarations need Node's types, as every Node program has.
  const typeRoots = ['--types', 'node', '--typeRoots', join(root, 'node_modules', '@types')]
  run('tsc', [bin('typescript', 'bin', 'tsc'), ...options, ...typeRoots, 'program.ts'], { cwd: app })
}

function imports(node) {
  const code = `
    const main = await import('loopwright'); const testing = await import('loopwright/testing')
    for (const name of ['defineLoop', 'startRun', 'scripted']) if (!main[name]) throw new Error('no ' + name)
    for (const name of ['memoryStore', 'scripted', 'replayTest']) if (!testing[name]) throw new Error('no ' + name)`
  run('node', ['--input-type=module', '--eval', code], { node, cwd: app })
}

function command(node) {
  const said = run('npx', ['--no-install', 'loopwright', '--version'], { node, cwd: app }).trim()
  if (said !== version) throw new Error(`it said '${said}', not '${version}'`)
}

function help(node) {
  const said = run('npx', ['--no-install', 'loopwright', '--help'], { node, cwd: app })
  if (!said.includes('loopwright')) throw new Error(`it said:\n${said}`)
}

/** The goal loop from the built files: real git, real processes, real SQLite. */
/** Without a project, a configuration, a key or an installation: a tick goes through from end to end, and leaves nothing behind. */
function tick(node, tarball) {
  const empty = mkdtempSync(join(scratch, 'tick-'))
  const name = basename(tarball)
  copyFileSync(tarball, join(empty, name))
  const args = ['--yes', `./${name}`, 'run', 'daily-triage', '--level', 'L2', '--dry-run']
  const said = run('npx', args, { node, cwd: empty })
  const wanted = ['Ran 1 tick(s) of Daily Triage [L2]', 'verifier verdict: accept', 'would commit', '5,000 / 100,000']
  for (const words of wanted) if (!said.includes(words)) throw new Error(`no "${words}" in:\n${said}`)
  const left = readdirSync(empty).filter((file) => file !== name)
  if (left.length > 0) throw new Error(`it left ${left}`)
}

function demo(node) {
  const said = run('npx', ['--no-install', 'loopwright', 'demo'], { node, cwd: app })
  if (!said.includes('branch')) throw new Error(`it said:\n${said}`)
}
