import { spawnSync } from 'node:child_process'
import { closeSync, existsSync, openSync, readdirSync, readFileSync, readlinkSync, readSync } from 'node:fs'

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
  /** The processor time it has used, and on Linux its children that have ended, in milliseconds. */
  readonly cpuMs: number
}

const proc = existsSync('/proc/self/stat')
const statBuffer = Buffer.alloc(4096)
/** What `/proc` counts processor time in: a hundredth of a second on every Linux that Node runs on. */
const tickMs = 10

/** True where `/proc` tells start times and environments (Linux). */
export const hasProc: boolean = proc

/** The row of one process, be it a zombie; undefined when there is none. */
export function readProcess(pid: number): ProcessRow | undefined {
  if (!Number.isSafeInteger(pid) || pid <= 0) return undefined
  if (proc) return readStat(pid)
  return psRows(['-p', String(pid)])[0]
}

/** Every live process (zombies left out). `onVanished` hears of each that ended before it could be read. */
export function listProcesses(onVanished?: () => void): ProcessRow[] {
  if (!proc) return psRows(['-A']).filter((row) => !row.zombie)
  const rows: ProcessRow[] = []
  const read = new Set<string>()
  // Again until nobody is new: one that forked and ended while we read would else hide its child.
  for (let round = 0, grown = true; grown && round < 10; round++) {
    grown = false
    for (const name of processNames()) {
      const first = name.charCodeAt(0)
      if (first < 48 || first > 57 || read.has(name)) continue
      read.add(name)
      grown = true
      const row = readStat(Number(name))
      if (row === undefined) onVanished?.()
      else if (!row.zombie) rows.push(row)
    }
  }
  return rows
}

function processNames(): string[] {
  try {
    return readdirSync('/proc')
  } catch {
    return []
  }
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

/** The pipes and sockets a process has as stdin, stdout and stderr, by the kernel's number (`socket:[4711]`); none where that is not shown. */
export function openPipes(pid: number): string[] {
  if (!proc) return []
  const pipes: string[] = []
  for (const fd of [0, 1, 2]) {
    try {
      const target = readlinkSync(`/proc/${pid}/fd/${fd}`)
      if (/^(?:pipe|socket):\[\d+\]$/.test(target)) pipes.push(target)
    } catch {
      // Closed, gone, or not ours to see.
    }
  }
  return pipes
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
  // Its own time in user and kernel mode, and that of its ended children.
  const ticks = Number(more[7]) + Number(more[8]) + Number(more[9]) + Number(more[10])
  const cpuMs = Number.isFinite(ticks) ? ticks * tickMs : 0
  return { pid, parent: Number(parent), group: Number(group), session: Number(session), started, zombie, cpuMs }
}

// Where there is no /proc (macOS). The session is not shown there as a number: the process's own group stands in for it.
function psRows(which: readonly string[]): ProcessRow[] {
  return parsePs(ps([...which, '-o', 'pid=,ppid=,pgid=,stat=,time=,lstart=']))
}

/** Reads what `ps -o pid=,ppid=,pgid=,stat=,time=,lstart=` prints. */
export function parsePs(text: string): ProcessRow[] {
  const rows: ProcessRow[] = []
  for (const line of text.split('\n')) {
    const [pid, parent, group, state, time, ...started] = line.trim().split(/\s+/)
    if (pid === undefined || state === undefined || time === undefined) continue
    rows.push({
      pid: Number(pid),
      parent: Number(parent),
      group: Number(group),
      session: Number(group),
      started: started.join(' '),
      zombie: state.startsWith('Z'),
      cpuMs: parsePsTime(time),
    })
  }
  return rows
}

/** Reads a time of ps in milliseconds: `1-02:03:04`, `02:03:04` or, on macOS, `3:04.05`; 0 when it is none. */
export function parsePsTime(text: string): number {
  const [clock = '', days = '0'] = text.split('-').reverse()
  const seconds = clock.split(':').reduce((total, part) => total * 60 + Number(part), 0) + Number(days) * 86_400
  return Number.isFinite(seconds) ? Math.round(seconds * 1000) : 0
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
