import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { makeRepo, scratch, write } from '../fixtures/repo.ts'
import type { AgentCase } from './describe.ts'
import { type ModelServer, startModel } from './model/server.ts'

const launcher = fileURLToPath(new URL('../../bin/loopwright.mjs', import.meta.url))

/** A place for one agent: a home of its own, a repository, and a scripted model. */
export interface Scene {
  readonly model: ModelServer
  readonly repository: string
  readonly root: string
  /** Our own state directory. */
  readonly home: string
  /** All that the agent gets of the environment: nothing of the machine's but the PATH. */
  readonly env: Readonly<Record<string, string>>
  /** Runs our command line, as a user of this scene would. */
  loopwright(...args: string[]): Promise<Ended>
  /** The run's worktree that a text speaks of; the one in which an agent works. Throws when there is none. */
  worktreeIn(text: string): string
  /** Live processes that have something of this scene in their environment: all agents, and all that comes of them. */
  processes(): number[]
  close(): Promise<void>
}

export interface Ended {
  readonly code: number | null
  readonly out: string
  readonly err: string
}

/** `commands` is the directory that the agent's own command is in, `more` what its home holds besides its own files. */
export async function makeScene(agent: AgentCase, commands: string, more?: AgentCase['files']): Promise<Scene> {
  const place = scratch()
  const root = place.path
  const model = await startModel(() => ({ do: 'text', text: 'Nothing was scripted.' }))
  const home = join(root, 'home')
  const repository = makeRepo(join(root, 'repo'), { 'README.md': 'A place to test in.\n' })
  write(home, { ...agent.files?.(model.url), ...more?.(model.url) })
  const [tmp, state] = [join(root, 'tmp'), join(root, 'state')]
  for (const path of [home, tmp, state]) mkdirSync(path, { recursive: true })
  const env = {
    PATH: [commands, dirname(process.execPath), process.env.PATH ?? ''].join(':'),
    HOME: home,
    // Codex makes no helper programs, and then edits nothing, when its home is below the temporary directory.
    TMPDIR: tmp,
    LOOPWRIGHT_HOME: state,
    ...agent.env(model.url),
  }
  return {
    model,
    repository,
    root,
    home: state,
    env,
    loopwright: (...args) =>
      new Promise((resolve, reject) => {
        const child = spawn(process.execPath, [launcher, ...args], {
          cwd: repository,
          env,
          stdio: ['ignore', 'pipe', 'pipe'],
        })
        let [out, err] = ['', '']
        child.stdout.setEncoding('utf8').on('data', (part: string) => {
          out += part
        })
        child.stderr.setEncoding('utf8').on('data', (part: string) => {
          err += part
        })
        child.once('error', reject)
        child.once('close', (code) => resolve({ code, out, err }))
      }),
    worktreeIn(text) {
      const named = text.match(new RegExp(`${state}/[\\w./-]*\\w`, 'g')) ?? []
      const found = named.find((path) => existsSync(join(path, 'README.md')))
      if (found === undefined) throw new Error(`it is nowhere said where the work is: ${text.slice(0, 2000)}`)
      return found
    },
    processes: () => processesWith(root),
    async close() {
      await model.close()
      place[Symbol.dispose]()
    },
  }
}

function processesWith(text: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .filter((pid) => {
      try {
        if (!readFileSync(`/proc/${pid}/environ`, 'utf8').includes(text)) return false
        const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
        return !/^[ZX]/.test(stat.slice(stat.lastIndexOf(')') + 2))
      } catch {
        return false
      }
    })
    .map(Number)
}
