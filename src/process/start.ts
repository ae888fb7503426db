import { type ChildProcess, spawn } from 'node:child_process'
import type { Readable, Writable } from 'node:stream'
import { LoopwrightError } from '../core/errors.ts'
import { engineMarker, engineVariable, ensureGuardian, guardGroup, guardPipes, guardVariable } from './guardian.ts'
import { shutInherited } from './inherited.ts'
import { explainSpawnError, type SpawnFailure } from './spawn-error.ts'
import { openPipes } from './table.ts'

/** How a process ended. Both null: it would not end. */
export interface Exit {
  readonly exitCode: number | null
  readonly signal: string | null
}

/** A started process, leader of its own session and group. */
export interface Running {
  readonly pid: number
  readonly stdout: Readable
  readonly stderr: Readable
  /** Open, when that was asked for. */
  readonly stdin?: Writable
  /** What it has as stdin, stdout and stderr (`openPipes`); the guardian is told of them. */
  readonly pipes: readonly string[]
  readonly exited: Promise<Exit>
  /** Lets go of its pipes and of the process itself. */
  readonly abandon: () => void
}

/** What to start. */
export interface Start {
  readonly argv?: readonly string[]
  readonly shell?: string
  readonly cwd: string
  readonly env: Readonly<Record<string, string>>
  readonly input?: string | Uint8Array
  /** Stdin stays open after the input. */
  readonly interactive?: boolean
}

/** Starts a process under a marker and the guardian's eye; a start that fails is data. Throws `bad_input` when there is nothing to start. */
export async function start(options: Start, marker: string): Promise<Running | SpawnFailure> {
  const [command, ...args] = options.shell === undefined ? (options.argv ?? []) : ['/bin/sh', '-c', options.shell]
  if (command === undefined || command === '') {
    throw new LoopwrightError('bad_input', 'no command given', {
      hint: 'give `argv` with at least one entry, or `shell`',
    })
  }
  const failed = (error: unknown) => explainSpawnError(error, { command, cwd: options.cwd, path: options.env.PATH })
  ensureGuardian()
  let child: ChildProcess
  try {
    child = spawn(command, args, {
      cwd: options.cwd,
      env: {
        ...options.env,
        [engineVariable]: chain(options.env[engineVariable], engineMarker),
        [guardVariable]: chain(options.env[guardVariable], marker),
      },
      detached: true,
      windowsHide: true,
      stdio: [
        options.input === undefined && options.interactive !== true ? 'ignore' : 'pipe',
        'pipe',
        'pipe',
        ...shutInherited(),
      ],
    })
  } catch (error) {
    return failed(error)
  }
  const exited = new Promise<Exit>((resolve) => {
    child.on('exit', (exitCode, signal) => resolve({ exitCode, signal }))
  })
  const { pid, stdin, stdout, stderr } = child
  if (pid === undefined || stdout === null || stderr === null) {
    return failed(await new Promise((resolve) => child.on('error', resolve)))
  }
  // Before all else: it runs already, and what it starts may soon hold nothing but these.
  const pipes = openPipes(pid)
  guardGroup(pid)
  guardPipes(pipes)
  // Sending signals is not done through it, so nothing else is reported here; unheard, it would end the engine.
  child.on('error', () => undefined)
  // A process that does not read its input closes the pipe: no error of ours.
  stdin?.on('error', () => undefined)
  if (options.interactive !== true) stdin?.end(options.input)
  else if (options.input !== undefined) stdin?.write(options.input)
  const abandon = () => {
    for (const stream of [stdin, stdout, stderr]) stream?.destroy()
    child.unref()
  }
  const open = options.interactive === true && stdin !== null ? { stdin } : {}
  return { pid, stdout, stderr, ...open, pipes, exited, abandon }
}

// An engine inside an engine: what it starts stays the outer one's as well.
function chain(outer: string | undefined, id: string): string {
  if (outer === undefined || outer === '') return id
  return outer.split('.').includes(id) ? outer : `${outer}.${id}`
}
