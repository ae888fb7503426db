import { spawnSync } from 'node:child_process'
import { existsSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Benchmark, type Figure, median } from './figure.ts'
import { scratch } from './place.ts'

const root = fileURLToPath(new URL('..', import.meta.url))

/** Milliseconds from start to end of a Node process; throws when it fails. */
function runNode(args: readonly string[], cwd: string): { readonly ms: number; readonly output: string } {
  const start = performance.now()
  const done = spawnSync(process.execPath, args, { cwd, encoding: 'utf8' })
  const ms = performance.now() - start
  if (done.status !== 0) throw new Error(`node ${args.join(' ')} failed: ${done.stderr.slice(0, 500)}`)
  return { ms, output: done.stdout }
}

/** The compiled library: the project's own `dist` when it was built, or one compiled into `into`. */
function builtLibrary(into: string): { readonly path: string; readonly note: string } {
  const dist = join(root, 'dist', 'index.js')
  if (existsSync(dist)) return { path: dist, note: 'dist as built' }
  const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc')
  // What is emitted counts here; that every type fits is another check's business.
  spawnSync(process.execPath, [tsc, '-p', 'tsconfig.build.json', '--outDir', into, '--noCheck'], { cwd: root })
  const path = join(into, 'index.js')
  if (!existsSync(path)) throw new Error('the library could not be compiled')
  writeFileSync(join(into, 'package.json'), '{"type":"module"}')
  symlinkSync(join(root, 'node_modules'), join(into, 'node_modules'))
  return { path, note: 'compiled for this run (no dist)' }
}

/** What a user waits for before anything happens. */
export const startUp: Benchmark = {
  name: 'start-up',
  about: 'import of the library; `loopwright --version` against `node -e 0`',
  async run({ quick }) {
    using place = scratch()
    const rounds = quick ? 3 : 15
    const { path, note } = builtLibrary(place.path)
    const probe = join(place.path, 'probe.mjs')
    writeFileSync(
      probe,
      `const start = performance.now(); await import(${JSON.stringify(path)}); console.log(performance.now() - start)`,
    )
    const launcher = join(root, 'bin', 'loopwright.mjs')
    const imports: number[] = []
    const versions: number[] = []
    const bare: number[] = []
    for (let i = -1; i < rounds; i++) {
      const empty = runNode(['-e', '0'], root).ms
      const imported = Number(runNode([probe], root).output)
      const version = existsSync(launcher) ? runNode([launcher, '--version'], root).ms : undefined
      if (i < 0) continue // the first round fills the file cache
      bare.push(empty)
      imports.push(imported)
      if (version !== undefined) versions.push(version)
    }
    const figures: Figure[] = [
      {
        name: 'import',
        value: median(imports),
        unit: 'ms',
        floor: median(bare),
        against: 'a whole node -e 0',
        target: { value: 150 },
        note,
      },
    ]
    if (versions.length > 0) {
      figures.push({
        name: 'version',
        value: median(versions),
        unit: 'ms',
        floor: median(bare),
        against: 'node -e 0',
        target: { ratio: 2 },
      })
    } else console.error('  bin/loopwright.mjs is not there: --version was not measured')
    return figures
  },
}
