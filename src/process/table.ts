import { spawnSync } from 'node:child_process'
import { closeSync, existsSync, openSync, readdirSync, readFileSync, readSync } from 'node:fs'

/** One live process of this machine, as the kernel shows it. */
export interface ProcessRow {
  readonly pid: number
  readonly parent: number
  readonly group: number
  readonly session: number
  /** When it started: clock ticks since boot on Linux, the text of `ps -o lstart=` elsewhere; empty where unknown. */
  readonly started: string
  /** Dead, and not yet collected by its parent. */
  readonly zombie: boolean
}

const proc = existsSync('/proc/self/stat')
const statBuffer = Buffer.alloc(4096)

/** True where `/proc` tells start times and environments (Linux). */
export const hasProc: boolean = proc

/** The row of one process, be it a zombie; undefined when there is none. */
export function readProcess(pid: number): ProcessRow | undefined {
  if (!Number.isSafeInteger(pid) || pid <= 0) return undefined
  if (proc) return readStat(pid)
  return psRows(['-p', String(pid)])[0]
}

/** Every live process (zombies left out). */
export function listProcesses(): ProcessRow[] {
  if (!proc) return psRows(['-A']).filter((row) => !row.zombie)
  const rows: ProcessRow[] = []
  const read = new Set<string>()
  // Again until nobody is new: one that forked and ended while we read would else hide its child.
  for (let round = 0, grown = true; grown && round < 10; round++) {
    grown = false
    for (const name of readdirSync('/proc')) {
      const first = name.charCodeAt(0)
      if (first < 48 || first > 57 || read.has(name)) continue
      read.add(name)
      grown = true
      const row = readStat(Number(name))
      if (row !== undefined && !row.zombie) rows.push(row)
    }
  }
  return rows
}

/** The pids among `rows` whose environment holds `marker`. A process whose environment is not ours to read does not count. */
export function carriers(marker: string, rows: readonly ProcessRow[]): number[] {
  if (!proc) return psCarriers(marker, rows)
  return rows.filter((row) => readEnvironment(row.pid)?.includes(marker) === true).map((row) => row.pid)
}

/** The environment a process was started with; undefined when it is not ours to read, or the process is gone. */
export function readEnvironment(pid: number): Buffer | undefined {
  try {
    return readFileSync(`/proc/${pid}/environ`)
  } catch {
    return undefined
  }
}

// Read by hand into one buffer: a scan reads hundreds of these, and readFileSync costs several times as much.
function readStat(pid: number): ProcessRow | undefined {
  try {
    const file = openSync(`/proc/${pid}/stat`, 'r')
    try {
      return parseStat(pid, statBuffer.toString('latin1', 0, readSync(file, statBuffer, 0, statBuffer.length, 0)))
    } finally {
      closeSync(file)
    }
  } catch {
    return undefined
  }
}

/** Reads a line of `/proc/<pid>/stat`. The name in it may hold blanks and brackets, so what counts starts at the last bracket. */
export function parseStat(pid: number, text: string): ProcessRow | undefined {
  const [state, parent, group, session, ...more] = text.slice(text.lastIndexOf(')') + 2).split(' ')
  const started = more[15]
  if (state === undefined || started === undefined) return undefined
  const zombie = state === 'Z' || state === 'X'
  return { pid, parent: Number(parent), group: Number(group), session: Number(session), started, zombie }
}

// Where there is no /proc (macOS). The session is not shown there as a number: the process's own group stands in for it.
function psRows(which: readonly string[]): ProcessRow[] {
  return parsePs(ps([...which, '-o', 'pid=,ppid=,pgid=,stat=,lstart=']))
}

/** Reads what `ps -o pid=,ppid=,pgid=,stat=,lstart=` prints. */
export function parsePs(text: string): ProcessRow[] {
  const rows: ProcessRow[] = []
  for (const line of text.split('\n')) {
    const [pid, parent, group, state, ...started] = line.trim().split(/\s+/)
    if (pid === undefined || state === undefined) continue
    rows.push({
      pid: Number(pid),
      parent: Number(parent),
      group: Number(group),
      session: Number(group),
      started: started.join(' '),
      zombie: state.startsWith('Z'),
    })
  }
  return rows
}

function psCarriers(marker: string, rows: readonly ProcessRow[]): number[] {
  const known = new Set(rows.map((row) => row.pid))
  return ps(['-A', '-E', '-ww', '-o', 'pid=,command='])
    .split('\n')
    .filter((line) => line.includes(marker))
    .map((line) => Number.parseInt(line, 10))
    .filter((pid) => known.has(pid))
}

function ps(args: readonly string[]): string {
  return (
    spawnSync('ps', args, { encoding: 'utf8', env: { PATH: '/usr/bin:/bin', LC_ALL: 'C' }, timeout: 10_000 }).stdout ??
    ''
  )
}
