import { randomBytes } from 'node:crypto'
import { link, mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { LoopwrightError } from '../core/errors.ts'
import { fileError, isErrno } from './files.ts'

/** Waiters of this process, per lock, one after the other. */
const queues = new Map<string, Promise<unknown>>()
const breakStaleMs = 10_000

/**
 * Runs `work` while holding the lock file, against other processes and other calls of this one. A lock whose process is gone
 * (its pid is free, or belongs to a process that started at another time) is taken over. Rejects with `conflict` after `waitMs`.
 */
export async function withLock<T>(path: string, work: () => Promise<T>, waitMs = 600_000): Promise<T> {
  const before = queues.get(path) ?? Promise.resolve()
  const mine = before.then(() => locked(path, work, waitMs))
  const settled = mine.catch(() => {})
  queues.set(path, settled)
  try {
    return await mine
  } finally {
    if (queues.get(path) === settled) queues.delete(path)
  }
}

async function locked<T>(path: string, work: () => Promise<T>, waitMs: number): Promise<T> {
  await acquire(path, waitMs)
  try {
    return await work()
  } finally {
    await rm(path, { force: true })
  }
}

async function acquire(path: string, waitMs: number): Promise<void> {
  const started = (await startOf(process.pid)) ?? ''
  const mine = `${process.pid} ${started} ${randomBytes(6).toString('hex')}\n`
  const draft = `${path}.${process.pid}.${randomBytes(4).toString('hex')}`
  try {
    await mkdir(dirname(path), { recursive: true })
    await writeFile(draft, mine, { mode: 0o600 })
    const end = performance.now() + waitMs
    for (let delay = 5; ; delay = Math.min(delay * 2, 100)) {
      // A link appears with its content, so nobody ever reads an empty lock.
      if (await succeeds(() => link(draft, path))) return
      const holder = await readFile(path, 'utf8').catch(() => undefined)
      if (holder !== undefined && (await isStale(holder))) await breakLock(path, holder)
      else if (performance.now() > end) {
        throw new LoopwrightError('conflict', `process ${holder?.split(' ')[0] ?? '?'} holds ${path} for too long`, {
          hint: 'end that process, then try again',
        })
      } else if (holder !== undefined) await pause(delay)
    }
  } catch (error) {
    throw fileError(error, path)
  } finally {
    await rm(draft, { force: true })
  }
}

/** Removes a stale lock; a second lock makes sure that a fresh one put there meanwhile is not removed with it. */
async function breakLock(path: string, stale: string): Promise<void> {
  const guard = `${path}.break`
  if (!(await succeeds(() => writeFile(guard, '', { flag: 'wx' })))) {
    const age = await stat(guard).then(
      (found) => Date.now() - found.mtimeMs,
      () => 0,
    )
    if (age > breakStaleMs) await rm(guard, { force: true })
    await pause(5)
    return
  }
  try {
    if ((await readFile(path, 'utf8').catch(() => undefined)) === stale) await rm(path, { force: true })
  } finally {
    await rm(guard, { force: true })
  }
}

async function succeeds(act: () => Promise<void>): Promise<boolean> {
  try {
    await act()
    return true
  } catch (error) {
    if (isErrno(error, 'EEXIST')) return false
    throw error
  }
}

async function isStale(holder: string): Promise<boolean> {
  const [pid, started] = holder.trim().split(' ')
  const number = Number(pid)
  if (!Number.isInteger(number) || number <= 0) return true
  try {
    process.kill(number, 0)
  } catch (error) {
    return isErrno(error, 'ESRCH')
  }
  const now = await startOf(number)
  return now !== undefined && started !== '' && now !== started
}

/** True while some live process holds this lock. */
export async function isLocked(path: string): Promise<boolean> {
  const holder = await readFile(path, 'utf8').catch(() => undefined)
  return holder !== undefined && !(await isStale(holder))
}

/** The kernel's start time of a process in clock ticks; undefined where /proc does not tell. */
async function startOf(pid: number): Promise<string | undefined> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined)
  // The name in parentheses may hold anything; fields are counted after the last one.
  return text?.slice(text.lastIndexOf(')') + 2).split(' ')[19]
}
