import type { SandboxMode } from '../core/ports.ts'
import { findSandbox } from '../process/sandbox/find.ts'
import type { SandboxState } from '../process/sandbox/sandbox.ts'

/** What confines processes on this machine, by mode; each is looked for once, when it is first needed. */
export class Sandboxes {
  readonly #env: Readonly<Record<string, string>>
  readonly #onRefused: (target: string) => void
  readonly #found = new Map<SandboxMode, Promise<SandboxState>>()

  constructor(env: Readonly<Record<string, string>>, warn: (message: string) => void) {
    this.#env = env
    const said = new Set<string>()
    this.#onRefused = (target) => {
      if (said.has(target)) return
      said.add(target)
      warn(`the sandbox kept a process from reaching ${target}; allow it with --network, or sandbox.network`)
    }
  }

  readonly of = (mode: SandboxMode): Promise<SandboxState> => {
    const known = this.#found.get(mode) ?? findSandbox(mode, this.#env, { onRefused: this.#onRefused })
    this.#found.set(mode, known)
    return known
  }
}
