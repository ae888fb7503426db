import { spawn } from 'node:child_process'
import { closeSync, existsSync, mkdirSync, openSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { App } from '../../app.ts'
import { LoopwrightError } from '../../core/errors.ts'
import { oneLine } from '../../core/plain.ts'
import type { RunRecord } from '../../core/ports.ts'
import { type Io, print } from './io.ts'

const launcher = fileURLToPath(new URL('../../../bin/loopwright.mjs', import.meta.url))

/** Drives a run in a process of its own, which outlives this one and its terminal, and says how to follow it. */
export async function detach(app: App, io: Io, run: RunRecord, options: { readonly json: boolean }): Promise<number> {
  const folder = await driveBehind(app, io, run)
  const facts = {
    status: 'running',
    run_id: run.id,
    run_dir: folder,
    events_path: join(folder, 'events.jsonl'),
    tail_command: `loopwright tail -f ${run.id}`,
  }
  if (options.json) print(io, JSON.stringify(facts))
  else
    print(
      io,
      `${run.id}\nfolder   ${facts.run_dir}\nfollow   ${facts.tail_command}\nresult   loopwright result --wait ${run.id}`,
    )
  return 0
}

/** Whether a run was driven in the background before. */
export function wasDetached(app: App, run: RunRecord): boolean {
  return existsSync(logOf(app.runFolder(run)))
}

/** Begins to drive a run in a process of its own; answers the run's folder once that process has taken it. */
export async function driveBehind(app: App, io: Io, run: RunRecord): Promise<string> {
  const folder = await app.rebuild(run.id)
  const logPath = logOf(folder)
  mkdirSync(dirname(logPath), { recursive: true })
  const log = openSync(logPath, 'a', 0o600)
  const child = spawn(process.execPath, [launcher, 'drive', run.id], {
    cwd: run.project,
    detached: true,
    stdio: ['ignore', log, log],
    env: { ...io.env, LOOPWRIGHT_HOME: app.config.home },
  })
  closeSync(log)
  const failed = new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(error.message))
    child.once('exit', (code) => resolve(code === 0 || code === 1 || code === 3 ? '' : tailOf(logPath)))
  })
  const seen = new AbortController()
  const why = await Promise.race([failed, begun(app, run, seen.signal)])
  seen.abort()
  child.removeAllListeners()
  child.unref()
  if (why !== '') {
    throw new LoopwrightError('conflict', `run ${run.id} could not be driven in the background: ${why}`, {
      hint: `loopwright resume ${run.id} drives it here; its log is ${logPath}`,
    })
  }
  return folder
}

function logOf(folder: string): string {
  return join(folder, 'logs', 'driver.log')
}

/** Resolves with the first event the new driver appends. */
async function begun(app: App, run: RunRecord, signal: AbortSignal): Promise<string> {
  for await (const event of app.runs.watch(run.id, { from: run.lastSeq + 1, signal, untilFinal: true })) {
    if (event.seq > run.lastSeq) return ''
  }
  return ''
}

function tailOf(path: string): string {
  try {
    const lines = readFileSync(path, 'utf8').trim().split('\n')
    return oneLine(lines.find((line) => line.startsWith('loopwright:')) ?? lines.at(-1) ?? 'it ended at once', 300)
  } catch {
    return 'it ended at once'
  }
}
