import { spawnSync } from 'node:child_process'
import { closeSync, constants, openSync, readSync } from 'node:fs'

/** A process that the kernel killed for want of memory, as its log tells. */
export interface OomVictim {
  readonly pid: number
  /** Seconds since boot. */
  readonly at: number
  /** The line, without its time and its figures. */
  readonly line: string
}

/** How many records are read at most; the kernel's buffer holds a few thousand. */
const longestLog = 50_000

/** The victims that the kernel's log holds now; none where it is not ours to read. */
export function oomVictims(): OomVictim[] {
  if (process.platform !== 'linux') return []
  return parseKernelLog(readKmsg() ?? readDmesg())
}

/** Reads lines of `/dev/kmsg` (`6,1234,1097341880,-;text`) and of `dmesg` (`[ 1097.341880] text`). */
export function parseKernelLog(text: string): OomVictim[] {
  const victims: OomVictim[] = []
  for (const found of text.matchAll(/^(?:\d+,\d+,(\d+),[^;\n]*;|\[ *(\d+\.\d+)\] )(.*\bKilled process (\d+)\b.*)$/gm)) {
    const [, microseconds, seconds, line = '', pid] = found
    const at = microseconds === undefined ? Number(seconds) : Number(microseconds) / 1e6
    victims.push({ pid: Number(pid), at, line: line.replace(/,? total-vm:.*/, '').slice(0, 200) })
  }
  return victims
}

function readKmsg(): string | undefined {
  try {
    const file = openSync('/dev/kmsg', constants.O_RDONLY | constants.O_NONBLOCK)
    try {
      return readRecords(file)
    } finally {
      closeSync(file)
    }
  } catch {
    return undefined
  }
}

// Each read gives one record, from the oldest on; at the end it would block.
function readRecords(file: number): string {
  const buffer = Buffer.alloc(8192)
  let text = ''
  for (let record = 0; record < longestLog; record++) {
    try {
      const length = readSync(file, buffer, 0, buffer.length, null)
      if (length === 0) break
      text += buffer.toString('latin1', 0, length)
    } catch (error) {
      // The record was overwritten before it was read: the next one is there.
      if ((error as NodeJS.ErrnoException).code !== 'EPIPE') break
    }
  }
  return text
}

function readDmesg(): string {
  const path = '/usr/bin:/bin:/usr/sbin:/sbin'
  return spawnSync('dmesg', [], { encoding: 'utf8', env: { PATH: path, LC_ALL: 'C' }, timeout: 2000 }).stdout ?? ''
}
