import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { Json } from '../src/core/json.ts'
import { inChild } from './child.ts'
import { openEngine } from './engine.ts'
import type { Benchmark, Figure } from './figure.ts'
import { agentLoop, mockAgent, paceOf, stepLoop, type Timed } from './iteration-work.ts'
import { playLangGraph } from './langgraph.ts'
import { deviceBytes, scratch, sizeOf } from './place.ts'

/** Exact, so that figures of different days speak of the same rival. */
const packages = {
  '@langchain/langgraph': '1.4.8',
  '@langchain/langgraph-checkpoint': '1.1.5',
  '@langchain/langgraph-checkpoint-sqlite': '1.0.4',
  '@langchain/core': '1.2.13',
  zod: '4.6.7',
}

/** Its SQLite driver of today aborts under Node 24.19 and later (better-sqlite3 before 13); this one does not. */
const overrides = { 'better-sqlite3': '13.2.0' }

/** The driver is compiled where no ready-made one can be fetched; that takes minutes, once. */
const installTimeoutMs = 25 * 60_000

export interface Played {
  /** Milliseconds per iteration: over all, in the first tenth and in the last. */
  readonly mean: number
  readonly first: number
  readonly last: number
  /** Bytes. */
  readonly database: number
  readonly device: number | undefined
  readonly note?: string
}

interface Work {
  readonly who: 'steps' | 'agents' | 'flat' | 'flat-full' | 'hist'
  readonly count: number
  /** Where the rival is installed. */
  readonly folder: string
}

/** Plays N iterations as one of the contestants, in this process. */
export async function playRival(input: Json): Promise<Played> {
  const { who, count, folder } = input as unknown as Work
  using place = scratch()
  const timed: Timed = { marks: [] }
  const before = deviceBytes()
  const isOurs = who === 'steps' || who === 'agents'
  const database = join(place.path, isOurs ? 'loopwright.db' : 'langgraph.db')
  let note: string | undefined
  if (!isOurs) {
    note = await playLangGraph({ folder, database, count, keepTexts: who === 'hist', full: who === 'flat-full', timed })
  } else {
    const loop = who === 'steps' ? stepLoop(count, timed) : agentLoop(count, timed)
    const engine = await openEngine({ home: place.path, loops: [loop], agent: mockAgent(), folder: true })
    await engine.play(loop.name)
    await engine.close()
  }
  const after = deviceBytes()
  return {
    ...paceOf(timed),
    database: sizeOf(database) + sizeOf(`${database}-wal`),
    device: before === undefined || after === undefined ? undefined : after - before,
    ...(note === undefined ? {} : { note }),
  }
}

/** The folder the rival is installed in; undefined, and said, when it cannot be had. Kept between runs. */
function installed(): string | undefined {
  const folder = join(tmpdir(), `loopwright-bench-rival-langgraph-${packages['@langchain/langgraph']}`)
  if (existsSync(join(folder, 'ready'))) return folder
  const names = Object.entries(packages).map(([name, version]) => `${name}@${version}`)
  console.error(`  installing ${names.join(', ')} into ${folder} (once; may take minutes) ...`)
  try {
    mkdirSync(folder, { recursive: true })
    writeFileSync(join(folder, 'package.json'), JSON.stringify({ private: true, type: 'module', overrides }))
    // All peers are named above; npm's own search for fitting ones can take many minutes here.
    const quiet = ['--legacy-peer-deps', '--no-audit', '--no-fund', '--loglevel=error', '--foreground-scripts']
    const headers = nodeHeaders()
    execFileSync('npm', ['install', ...quiet, ...names], {
      cwd: folder,
      stdio: ['ignore', 'ignore', 'pipe'],
      timeout: installTimeoutMs,
      env: { ...process.env, ...(headers === undefined ? {} : { npm_config_nodedir: headers }) },
      shell: process.platform === 'win32',
    })
    writeFileSync(join(folder, 'ready'), '')
    return folder
  } catch (error) {
    const lines = error instanceof Error ? error.message.split('\n') : []
    console.error(`  the rival cannot be installed here: ${lines.slice(0, 4).join(' ').slice(0, 400)}`)
    return undefined
  }
}

/** The headers of the Node that runs this, so that a driver compiled here fits it. */
function nodeHeaders(): string | undefined {
  const root = dirname(dirname(process.execPath))
  const places = [root, join(root, 'node_modules', `node-${process.platform}-${process.arch}`)]
  return places.find((place) => existsSync(join(place, 'include', 'node', 'node.h')))
}

/** LangGraph.js with its SQLite checkpointer at the same work; `hist` keeps every text in its state, as a journal does. */
export const rival: Benchmark = {
  name: 'rival',
  about: 'LangGraph.js with its SQLite checkpointer: plan → work → review, 3.4 kB of new text per iteration',
  async run({ quick }) {
    const folder = installed()
    if (folder === undefined) return []
    const play = (who: Work['who'], count: number) => inChild<Played>('rival', { who, count, folder })
    const flatCount = quick ? 100 : 1000
    const histCount = quick ? 50 : 300
    const figures: Figure[] = []
    for (const [who, count] of [
      ['flat', flatCount],
      ['flat-full', flatCount],
      ['hist', histCount],
    ] as const) {
      const theirs = await play(who, count)
      const steps = await play('steps', count)
      const agents = await play('agents', count)
      const name = `rival_${who.replace('-', '_')}`
      const against = `LangGraph, ${who} state, N=${count}`
      const note = theirs.note === undefined ? {} : { note: theirs.note }
      figures.push(
        { name: `${name}_steps`, value: steps.mean, unit: 'ms', floor: theirs.mean, against, ...note },
        { name: `${name}_agents`, value: agents.mean, unit: 'ms', floor: theirs.mean, against },
        {
          name: `${name}_last_tenth`,
          value: agents.last,
          unit: 'ms',
          floor: theirs.last,
          against: `${against}, whose first tenth took ${theirs.first.toFixed(2)} ms`,
        },
        {
          name: `${name}_database`,
          value: agents.database / 1e6,
          unit: 'MB',
          floor: theirs.database / 1e6,
          against,
        },
      )
      if (agents.device !== undefined && theirs.device !== undefined) {
        const device = { value: agents.device / 1e6, floor: theirs.device / 1e6 }
        figures.push({ name: `${name}_device`, ...device, unit: 'MB', against })
      }
    }
    return figures
  },
}
