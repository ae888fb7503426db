import type { Confinement, SandboxMode } from '../../core/ports.ts'

/** A process about to be started. */
export interface Launch {
  readonly argv: readonly string[]
  readonly cwd: string
  readonly env: Readonly<Record<string, string>>
}

/** The same process, confined. `release` ends what serves it (its proxy, its files); call it when the whole tree has ended. */
export interface ConfinedLaunch extends Launch {
  /** Afterwards: whether the sandbox came so far as to start the process. Absent where that cannot be told. */
  readonly hasBegun?: () => boolean
  release(): Promise<void>
}

/** A way to confine processes that works on this machine. */
export interface Sandbox {
  readonly name: 'bwrap' | 'srt'
  /** Rejects with `bad_input` for a confinement that cannot be kept (a path that is not absolute, a host that is none). */
  confine(launch: Launch, confinement: Confinement): Promise<ConfinedLaunch>
}

/** What confinement there is here. */
export interface SandboxState {
  readonly mode: SandboxMode
  /** Absent: there is none, and `problem` says why and what to install. */
  readonly sandbox?: Sandbox
  readonly problem?: string
  readonly version?: string
}
