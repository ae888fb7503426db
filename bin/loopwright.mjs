#!/usr/bin/env node
// Starts loopwright under whatever Node started this file, so it is plain JavaScript that old versions can read.
import { existsSync, readFileSync } from 'node:fs'
import module from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const args = process.argv.slice(2)

if (args.length === 1 && (args[0] === '--version' || args[0] === '-V')) {
  console.log(JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).version)
} else if (isRecent(process.versions.node)) {
  start()
} else {
  restart()
}

/** True from Node 22.18 on: it runs TypeScript and has SQLite. */
function isRecent(version) {
  const [major, minor] = version.split('.').map(Number)
  return major > 22 || (major === 22 && minor >= 18)
}

function start() {
  // SQLite and running TypeScript are what we build on; that Node calls them experimental is no news for a user.
  const emit = process.emitWarning
  process.emitWarning = (warning, ...rest) => {
    const [type] = rest
    const name = typeof type === 'string' ? type : type?.type || warning?.name
    if (name !== 'ExperimentalWarning') emit.call(process, warning, ...rest)
  }
  const source = join(root, 'src', 'surfaces', 'cli', 'main.ts')
  const built = join(root, 'dist', 'surfaces', 'cli', 'main.js')
  const main = existsSync(source) ? source : built
  // Sources are stripped of their types once, not on each start.
  if (main === source) module.enableCompileCache?.(join(root, 'node_modules', '.cache', 'loopwright'))
  import(pathToFileURL(main).href).then(
    (cli) => cli.runAsProcess(args),
    (error) => {
      if (process.env.LOOPWRIGHT_DEBUG) console.error(error)
      const missing = error && error.code === 'ERR_MODULE_NOT_FOUND'
      const hint = missing ? `run npm ci in ${root}` : 'LOOPWRIGHT_DEBUG=1 shows more'
      console.error(`loopwright: cannot start: ${error?.message}\n  hint: ${hint}`)
      process.exitCode = 2
    },
  )
}

/** Runs the same command under the project's own Node. */
function restart() {
  const own = join(root, 'node_modules', 'node', 'bin', process.platform === 'win32' ? 'node.exe' : 'node')
  if (!existsSync(own)) {
    console.error(`loopwright: needs Node 22.18 or later, and this is Node ${process.versions.node}`)
    process.exitCode = 2
    return
  }
  import('node:child_process').then(({ spawn }) => {
    const child = spawn(own, process.argv.slice(1), { stdio: 'inherit' })
    // At a terminal the child gets the same signal by itself, and takes both within a moment for one.
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
    child.on('error', (error) => {
      console.error(`loopwright: cannot run ${own}: ${error.message}`)
      process.exitCode = 2
    })
    child.on('exit', (code, signal) => {
      process.exitCode = signal ? (signal === 'SIGINT' ? 130 : signal === 'SIGTERM' ? 143 : 1) : code
    })
  })
}
