import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Agent, Clock, RunRecord, Workspace } from '../src/core/ports.ts'
import { createRedact } from '../src/core/redact.ts'
import type { AnyLoop } from '../src/engine/define.ts'
import { Runs } from '../src/engine/runs.ts'
import type { Services } from '../src/engine/services.ts'
import { openRunFolder, type RunFolder } from '../src/folder/folder.ts'
import { followRun, type RunFollower } from '../src/folder/follow.ts'
import { fileBlobs } from '../src/store/blobs.ts'
import { openSqliteStore, type SqliteStore } from '../src/store/sqlite.ts'

export interface EngineOptions {
  /** An empty directory; takes the store and the project. */
  readonly home: string
  readonly loops: readonly AnyLoop[]
  /** What works in every role. */
  readonly agent?: Agent
  /** Keeps the run's folder up to date, as a run of the command line does. */
  readonly folder?: boolean
}

export interface Engine {
  readonly runs: Runs
  readonly store: SqliteStore
  readonly database: string
  /** Starts a run and drives it to its end. Throws when it does not end well. */
  play(loop: string, spec?: unknown): Promise<RunRecord>
  close(): Promise<void>
}

const clock: Clock = {
  now: () => Date.now(),
  random: () => Math.random(),
  after: (ms, call) => {
    const timer = setTimeout(call, ms)
    return () => clearTimeout(timer)
  },
}

/** The engine as it is wired for users (SQLite at synchronous=FULL, redaction, run folder), without git and configuration. */
export async function openEngine(options: EngineOptions): Promise<Engine> {
  const { home, loops, agent, folder = false } = options
  const project = join(home, 'project')
  mkdirSync(project, { recursive: true })
  const database = join(home, 'loopwright.db')
  const store = await openSqliteStore({ path: database })
  const open = new Map<string, { readonly folder: RunFolder; readonly follower: RunFollower }>()
  const workspace = { path: project, root: project, isolated: false, warnings: [] } as unknown as Workspace

  const servicesOf = (run: RunRecord): Services => {
    let opened: RunFolder | undefined
    if (folder) {
      opened = openRunFolder({ run, home })
      open.set(run.id, { folder: opened, follower: followRun({ store, run, folder: opened, clock }) })
    }
    return {
      role: (name) => {
        if (!agent) throw new Error(`no agent for the role ${name}`)
        return { agent, retries: 0 }
      },
      workspace: async () => workspace,
      runCheck: () => Promise.reject(new Error('no checks here')),
      runCommand: () => Promise.reject(new Error('no commands here')),
      amounts: (usage) => ({ tokens: (usage?.inputTokens ?? 0) + (usage?.outputTokens ?? 0) }),
      outputPath: (name) => opened?.workersPath(name),
      hooks: {},
    }
  }
  const runs = new Runs({
    store,
    clock,
    blobs: fileBlobs({ folder: (id) => join(home, 'runs', id) }),
    redact: createRedact(),
    drivers: {
      self: { id: `bench:${process.pid}`, host: 'bench', pid: process.pid, started: '' },
      isAlive: () => false,
      end: async () => {},
    },
    loops,
    servicesOf,
    onEnding: async ({ id }) => {
      const kept = open.get(id)
      await kept?.follower.finish()
      kept?.follower.close()
      kept?.folder.close()
      open.delete(id)
    },
  })
  return {
    runs,
    store,
    database,
    async play(loop, spec = {}) {
      const run = await runs.start({ loop, spec, project })
      const ended = await runs.drive(run.id)
      if (ended.status !== 'done') throw new Error(`run ${run.id} is ${ended.status}: ${ended.reason}`)
      return ended
    },
    async close() {
      await runs.close()
      await store.close()
    },
  }
}
