import { spawn } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { confined } from '../../src/process/sandbox/confined.ts'
import { findSandbox } from '../../src/process/sandbox/find.ts'
import { supervise } from '../../src/process/supervise.ts'
import { type Probe, probes } from './escape-probes.ts'
import { makeWorld, type World } from './escape-world.ts'

/** How a probe went. */
export interface Tried {
  readonly group: string
  readonly name: string
  /** What it reached in the sandbox. */
  readonly inside?: string
  /** What it reached without one: only then it counts. */
  readonly outside?: string
  /** What it said in the sandbox. */
  readonly said: string
}

/**
 * Tries every probe in a world of its own, in the sandbox and, where that harms nobody, without one. `node escape-run.ts BASE` prints a line of
 * JSON for each. A program of its own, so that it can be run as another user.
 */
async function main(base: string, only: string | undefined): Promise<void> {
  const state = await findSandbox('bwrap', { PATH: process.env.PATH ?? '' })
  if (state.sandbox === undefined) throw new Error(state.problem)
  const run = confined(supervise, () => state)
  let number = 0
  const fresh = () => {
    const id = `lw-${process.pid.toString(36)}-${(number++).toString(36).padStart(5, '0')}`
    mkdirSync(join(base, id))
    return makeWorld(join(base, id), id)
  }
  let inner: World | undefined
  let outer: World | undefined
  for (const probe of probes) {
    if (only !== undefined && !probe.name.includes(only)) continue
    inner ??= await fresh()
    const seen = await run({
      argv: argvOf(probe),
      cwd: inner.work,
      env: inner.env,
      confinement: inner.confinement,
      timeoutMs: 20_000,
    })
    const said = `${seen.stdout}${seen.stderr}${seen.spawnError ?? ''}`
    const inside = seen.spawnError === undefined ? inner.evidence(said) : `it was not started: ${seen.spawnError}`
    if (!inner.isUnharmed()) {
      inner.close()
      inner = undefined
    }
    outer ??= await fresh()
    const outside = probe.onlyInside ? undefined : await without(probe, outer)
    if (!outer.isUnharmed()) {
      outer.close()
      outer = undefined
    }
    const tried: Tried = {
      group: probe.group,
      name: probe.name,
      said: said.slice(0, 300),
      ...(inside === undefined ? {} : { inside }),
      ...(outside === undefined ? {} : { outside }),
    }
    console.log(JSON.stringify(tried))
  }
  inner?.close()
  outer?.close()
}

async function without(probe: Probe, world: World): Promise<string | undefined> {
  // Mounts it makes are its own; the rest of the machine is as it is.
  const own = process.getuid?.() === 0 ? ['unshare', '-m', '--propagation', 'private'] : []
  const [command = '', ...args] = [...own, ...argvOf(probe)]
  const env = { ...world.env, HTTP_PROXY: `http://127.0.0.1:${world.carelessProxy}` }
  const output = await new Promise<string>((resolve) => {
    const child = spawn(command, args, {
      cwd: world.work,
      env,
      stdio: ['ignore', 'pipe', 'pipe', ...Array(37).fill('ignore'), 40],
    })
    let text = ''
    child.stdout?.on('data', (data) => {
      text += data
    })
    const timer = setTimeout(() => child.kill('SIGKILL'), 20_000)
    child.on('exit', () => {
      clearTimeout(timer)
      child.stdout?.destroy()
      child.stderr?.destroy()
      setImmediate(resolve, text)
    })
  })
  return world.evidence(output)
}

function argvOf({ sh, node, perl }: Probe): string[] {
  if (sh !== undefined) return ['/bin/sh', '-c', sh]
  return node === undefined ? ['perl', '-e', perl ?? ''] : [process.execPath, '-e', node]
}

await main(process.argv[2] ?? '', process.argv[3])
