import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import type { Socket } from 'node:net'
import { guardianScript } from './guardian-script.ts'

/** The variables every supervised process carries. Their values are chains of ids, outermost first, when engines run inside engines. */
export const engineVariable = 'LOOPWRIGHT_ENGINE'
export const guardVariable = 'LOOPWRIGHT_GUARD'

/** The marker of all that this process supervises: `killTree(engineMarker)` ends every one of them. */
export const engineMarker: string = randomUUID()

let pipe: Socket | undefined
let session: number | undefined
const groups = new Set<number>()
const pipes = new Set<string>()

/**
 * Makes sure the guardian runs: one small shell in its own session that waits for the end of this process, however it ends, and then
 * kills all that carries its marker, stands in a group it was told of, or holds a pipe it was told of. It does not keep this process's event loop alive.
 */
export function ensureGuardian(): void {
  if (pipe !== undefined || process.platform === 'win32') return
  // Without it, for want of descriptors or a shell, work goes on; the next start tries again.
  try {
    startGuardian()
  } catch {
    pipe = undefined
  }
}

function startGuardian(): void {
  const child = spawn('/bin/sh', ['-c', guardianScript, 'loopwright-guardian'], {
    cwd: '/',
    // It must not carry a marker itself, ours or an outer engine's.
    env: { PATH: '/usr/bin:/bin:/usr/sbin:/sbin:/usr/local/bin:/run/current-system/sw/bin', LC_ALL: 'C' },
    detached: true,
    // Not stdin: Node closes that as soon as the shell has forked the guardian and left.
    stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
  })
  child.on('error', () => undefined)
  const started = child.stdio?.[3] as Socket | null | undefined
  if (started === null || started === undefined) return
  const lost = () => {
    if (pipe === started) pipe = undefined
  }
  started.on('error', lost)
  started.on('close', lost)
  child.unref()
  started.unref()
  pipe = started
  session = child.pid
  const known = [...[...groups].map((group) => `+${group}\n`), ...[...pipes].map((one) => `=${one}\n`)]
  tell(`${engineMarker}\n${known.join('')}`)
}

/** The session the guardian runs in, by which it can be found. */
export function guardianSession(): number | undefined {
  return session
}

/** Tells the guardian of a process group that must not outlive us. */
export function guardGroup(group: number): void {
  groups.add(group)
  tell(`+${group}\n`)
}

/** Tells it that the group is gone, so that a later group with the same number is left alone. */
export function releaseGroup(group: number): void {
  if (groups.delete(group)) tell(`-${group}\n`)
}

/** Tells the guardian of pipes (`socket:[4711]`) whose holders must not outlive us. */
export function guardPipes(names: readonly string[]): void {
  for (const pipe of names.map(numberOf)) {
    pipes.add(pipe)
    tell(`=${pipe}\n`)
  }
}

/** Tells it that nobody holds these pipes any more. */
export function releasePipes(names: readonly string[]): void {
  for (const pipe of names.map(numberOf)) if (pipes.delete(pipe)) tell(`~${pipe}\n`)
}

function numberOf(pipe: string): string {
  return pipe.replace(/\D/g, '')
}

/** Keeps the guardian told of the sessions of one tree, as they come and go. */
export class GuardedSessions {
  #told: readonly number[] = []

  /** Tells what is new, and what is over. */
  update(sessions: readonly number[]): void {
    for (const session of sessions) if (!this.#told.includes(session)) guardGroup(session)
    for (const session of this.#told) if (!sessions.includes(session)) releaseGroup(session)
    this.#told = sessions
  }
}

function tell(text: string): void {
  pipe?.write(text)
}
