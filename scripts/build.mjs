// Compiles src/ to dist/ from nothing, and looks at what came out before anyone can publish it.
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join, relative, sep } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const dist = join(root, 'dist')

rmSync(dist, { recursive: true, force: true })
const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc')
const { status, error } = spawnSync(process.execPath, [tsc, '-p', 'tsconfig.build.json'], {
  cwd: root,
  stdio: 'inherit',
})
if (error) console.error(`build: cannot run tsc: ${error.message}`)
if (status !== 0) process.exit(1)

const files = readdirSync(dist, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile())
  .map((entry) => relative(dist, join(entry.parentPath, entry.name)).split(sep).join('/'))
const problems = files.flatMap((file) => problemsOf(file, readFileSync(join(dist, file), 'utf8')))
const { exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
for (const target of Object.values(exports).flatMap((entry) => Object.values(entry))) {
  if (target.startsWith('./') && !existsSync(join(root, target)))
    problems.push(`package.json exports ${target}, which was not built`)
}
for (const problem of problems) console.error(`build: ${problem}`)
if (problems.length > 0) process.exit(1)
console.log(`built ${files.length} files in dist/`)

function problemsOf(file, text) {
  const found = []
  if (!/\.(js|d\.ts)$/.test(file)) found.push(`dist/${file} is neither JavaScript nor a declaration`)
  if (/\.test\./.test(file)) found.push(`dist/${file} is a test`)
  // A home of `/` would be found everywhere.
  for (const place of [root, homedir()].filter((path) => path.length > 1)) {
    if (text.includes(`${place}/`)) found.push(`dist/${file} names a folder of this machine`)
  }
  return found
}
