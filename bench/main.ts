import { execFileSync } from 'node:child_process'
import { cpus } from 'node:os'
import { DatabaseSync } from 'node:sqlite'
import type { Json } from '../src/core/json.ts'
import { inChild } from './child.ts'
import { durableStep } from './durable-step.ts'
import { appendLoop, eventLoop } from './event-loop.ts'
import { fanOut } from './fan-out.ts'
import { type Benchmark, type Figure, type Row, rowOf } from './figure.ts'
import { iteration } from './iteration.ts'
import { resume } from './resume.ts'
import { playRival, rival } from './rival.ts'
import { startUp } from './start-up.ts'
import { storedSize } from './stored-size.ts'
import { toolCall } from './tool-call.ts'

const usage = `npm run bench -- [--only NAME]... [--quick] [--json]
Every figure stands beside a floor or a rival that was measured in the same run. Nothing here fails a build.`

const benchmarks: readonly Benchmark[] = [
  durableStep,
  iteration,
  storedSize,
  resume,
  toolCall,
  fanOut,
  startUp,
  eventLoop,
  rival,
]

/** Work that runs in a process of its own, by name. */
const children: Readonly<Record<string, (input: Json) => Promise<unknown>>> = {
  benchmark: async (input) => {
    const { name, quick } = input as { name: string; quick: boolean }
    const found = benchmarks.find((one) => one.name === name)
    return await found?.run({ quick })
  },
  'append-loop': appendLoop,
  rival: playRival,
}

async function beChild(name: string, input: string): Promise<void> {
  const value = await children[name]?.(JSON.parse(input))
  process.send?.({ value })
}

async function measure(options: { readonly only: readonly string[]; quick: boolean; json: boolean }): Promise<void> {
  const rows: Record<string, Row> = {}
  if (!options.json) console.log(describeMachine())
  for (const { name, about } of benchmarks) {
    if (options.only.length > 0 && !options.only.includes(name)) continue
    if (options.json) console.error(`${name} …`)
    else console.log(`\n${name}: ${about}`)
    try {
      const figures = await inChild<Figure[]>('benchmark', { name, quick: options.quick })
      for (const figure of figures) {
        const row = rowOf(figure)
        rows[figure.name] = row
        if (!options.json) console.log(lineOf(figure.name, row))
      }
    } catch (error) {
      console.error(`  ${name} could not be measured: ${error instanceof Error ? error.message : error}`)
    }
  }
  if (options.json) console.log(JSON.stringify(rows, null, 2))
}

function lineOf(name: string, row: Row): string {
  const parts = [`  ${name.padEnd(34)} ${shown(row.value).padStart(8)} ${row.unit}`.padEnd(56)]
  if (row.ratio !== null) parts.push(`${shown(row.ratio)} × ${shown(row.floor ?? 0)} ${row.unit} (${row.against})`)
  if (row.target !== null) parts.push(`target ${row.target}: ${row.met ? 'met' : 'MISSED'}`)
  if (row.note !== undefined) parts.push(row.note)
  return parts.join(' · ')
}

function shown(value: number): string {
  return value >= 100
    ? value.toFixed(0)
    : value >= 10
      ? value.toFixed(1)
      : value >= 1
        ? value.toFixed(2)
        : value.toFixed(3)
}

function describeMachine(): string {
  const db = new DatabaseSync(':memory:')
  const sqlite = db.prepare('SELECT sqlite_version() AS version').get()?.version
  db.close()
  const [cpu] = cpus()
  let commit = ''
  try {
    commit = `, commit ${execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim()}`
  } catch {
    // An unpacked archive has no commit.
  }
  return `Node ${process.versions.node}, SQLite ${sqlite}, ${process.platform} ${process.arch}, ${cpus().length} × ${cpu?.model ?? 'cpu'}${commit}`
}

const args = process.argv.slice(2)
if (args[0] === '--child') await beChild(args[1] ?? '', args[2] ?? 'null')
else {
  const only = args.flatMap((arg, i) => (args[i - 1] === '--only' ? [arg] : []))
  const known = new Set(['--only', '--quick', '--json', ...only])
  const strange =
    args.find((arg) => !known.has(arg)) ?? only.find((name) => !benchmarks.some((one) => one.name === name))
  if (args.includes('--help') || strange !== undefined) {
    if (!args.includes('--help')) console.error(`unknown: ${strange}`)
    console.error(`${usage}\nNAME: ${benchmarks.map(({ name }) => name).join(', ')}`)
    process.exitCode = args.includes('--help') ? 0 : 2
  } else await measure({ only, quick: args.includes('--quick'), json: args.includes('--json') })
}
