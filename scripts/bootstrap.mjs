// Runs one of the project's own tools under the project's own Node, and installs what is missing first.
// This file must run on any Node that npm ships with, so it uses nothing newer than Node 18.
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const ownNode = join(root, 'node_modules', 'node', 'bin', process.platform === 'win32' ? 'node.exe' : 'node')

function lockedPackages(file) {
  if (!existsSync(file)) return undefined
  return JSON.parse(readFileSync(file, 'utf8')).packages
}

/** True when node_modules holds what package-lock.json asks for (packages for other platforms aside). */
function installed() {
  const wanted = lockedPackages(join(root, 'package-lock.json')) ?? {}
  const present = lockedPackages(join(root, 'node_modules', '.package-lock.json'))
  if (!present) return false
  return Object.entries(wanted).every(
    ([path, entry]) => path === '' || entry.optional || present[path]?.version === entry.version,
  )
}

/** True from Node 22.18 on: it runs TypeScript and has SQLite. */
function isRecent(version) {
  const [major, minor] = version.split('.').map(Number)
  return major > 22 || (major === 22 && minor >= 18)
}

if (!installed()) {
  console.error('loopwright: installing dependencies (npm ci) ...')
  const npm = process.env.npm_execpath
  const [command, args] = npm?.endsWith('.js') ? [process.execPath, [npm]] : ['npm', []]
  const done = spawnSync(command, [...args, 'ci', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: root,
    stdio: ['ignore', 2, 2],
    shell: process.platform === 'win32' && command === 'npm',
  })
  if (done.status !== 0) {
    console.error('loopwright: npm ci failed; see its message above.')
    process.exit(2)
  }
}
if (!existsSync(ownNode)) {
  // npm can be told to run no install scripts; the `node` package then lacks its binary.
  spawnSync(process.execPath, ['installArchSpecificPackage.js'], {
    cwd: join(root, 'node_modules', 'node'),
    stdio: 'ignore',
  })
}
const node = process.env.LOOPWRIGHT_NODE || (existsSync(ownNode) ? ownNode : process.execPath)
if (node === process.execPath && !isRecent(process.versions.node)) {
  console.error(
    `loopwright: needs Node 22.18 or later; this is ${process.versions.node}, and the project's own is missing`,
  )
  console.error('  hint: npm install-scripts may be blocked: npm rebuild node, or LOOPWRIGHT_NODE=/path/to/node')
  process.exit(2)
}
const child = spawn(node, process.argv.slice(2), {
  cwd: root,
  stdio: 'inherit',
  env: { ...process.env, PATH: `${dirname(node)}:${process.env.PATH}` },
})
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
child.on('error', (error) => {
  console.error(`loopwright: cannot run ${node}: ${error.message}`)
  process.exit(2)
})
child.on('exit', (code, signal) => process.exit(signal ? 130 : (code ?? 1)))
