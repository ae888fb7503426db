import { spawn } from 'node:child_process'
import { closeSync, existsSync, mkdirSync, openSync, readFileSync } from 'node:fs'
import type { Socket } from 'node:net'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { App } from '../app.ts'
import { LoopwrightError } from '../core/errors.ts'
import { oneLine } from '../core/plain.ts'
import { finalStatuses, type RunRecord } from '../core/ports.ts'

const launcher = fileURLToPath(new URL('../../bin/loopwright.mjs', import.meta.url))

/** A run that a process of its own drives, as clients are told of it. */
export interface RunningFacts {
  readonly status: 'running'
  readonly run_id: string
  readonly run_dir: string
  readonly events_path: string
  readonly tail_command: string
}

/**
 * Begins to drive a run in a process of its own, which outlives this one and its terminal; answers how to follow it once that
 * process has taken it. Rejects with `conflict` when it ends before that.
 *
 * @param env what that process gets
 */
export async function driveBehind(
  app: App,
  env: Readonly<Record<string, string | undefined>>,
  run: RunRecord,
): Promise<RunningFacts> {
  const folder = await app.rebuild(run.id)
  const logPath = logOf(folder)
  mkdirSync(dirname(logPath), { recursive: true })
  const log = openSync(logPath, 'a', 0o600)
  const [command = '', ...args] = orphaned([process.execPath, launcher, 'drive', run.id])
  const child = spawn(command, args, {
    cwd: run.project,
    detached: true,
    // The last one is held by the driver, and closes when that ends.
    stdio: ['ignore', log, log, 'pipe'],
    env: { ...env, LOOPWRIGHT_HOME: app.config.home },
  })
  closeSync(log)
  const held = child.stdio[3] as Socket | null | undefined
  const failed = new Promise<string>((resolve, reject) => {
    child.once('error', (error) => resolve(error.message))
    held?.once('error', () => {}).once('close', () => problemOf(app, run, logPath).then(resolve, reject))
    held?.resume()
  })
  const seen = new AbortController()
  const why = await Promise.race([failed, begun(app, run, seen.signal)])
  seen.abort()
  child.removeAllListeners()
  child.unref()
  held
    ?.removeAllListeners()
    .on('error', () => {})
    .destroy()
  if (why !== '') {
    throw new LoopwrightError('conflict', `run ${run.id} could not be driven in the background: ${why}`, {
      hint: `loopwright resume ${run.id} drives it here; its log is ${logPath}`,
    })
  }
  return {
    status: 'running',
    run_id: run.id,
    run_dir: folder,
    events_path: join(folder, 'events.jsonl'),
    tail_command: `loopwright tail -f ${run.id}`,
  }
}

/** Whether a run was driven in the background before. */
export function wasDetached(app: App, run: RunRecord): boolean {
  return existsSync(logOf(app.runFolder(run)))
}

function logOf(folder: string): string {
  return join(folder, 'logs', 'driver.log')
}

/**
 * A command that starts another one and leaves it behind at once. Some agents end all that came of their MCP servers by its parents when
 * they end themselves: whoever has none is not found.
 */
function orphaned(argv: readonly string[]): readonly string[] {
  return process.platform === 'win32' ? argv : ['/bin/sh', '-c', '"$@" &', 'loopwright', ...argv]
}

/** Why a driver ended before it appended an event; empty: there was nothing to do. */
async function problemOf(app: App, { id, lastSeq }: RunRecord, logPath: string): Promise<string> {
  const now = await app.runs.get(id)
  const idle = now.lastSeq > lastSeq || now.status === 'waiting' || finalStatuses.includes(now.status)
  return idle ? '' : tailOf(logPath)
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
