import { spawnSync } from 'node:child_process'
import { accessSync, constants, existsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { App } from '../app.ts'
import type { Config } from '../config.ts'
import { formatDuration } from '../core/duration.ts'
import { messageOf } from '../core/errors.ts'
import { counted } from '../core/human.ts'

/**
 * Looks at agents, git, state, sandbox and a directory, and with `fix` mends what crashes left. Calls no agent.
 *
 * @param cwd absolute; may be missing
 * @param asked `timeout`: seconds, whose meaning is told
 */
export async function examine(
  app: App,
  cwd: string,
  asked: { readonly fix?: boolean; readonly timeout?: number | undefined },
) {
  const fixed: string[] = []
  const recommendations: string[] = []
  const problems: string[] = []
  const listing = await app.agents.list()
  const backends = Object.fromEntries(listing.map(({ name, ...rest }) => [name, rest]))
  const real = listing.filter((one) => one.available && one.kind !== 'scripted')
  if (real.length === 0)
    recommendations.push('no agent is installed: install one of the agents above, or give --agent-command')
  for (const one of real) {
    if (one.login?.state === 'no')
      recommendations.push(`${one.name} is not logged in${one.hint === undefined ? '' : `: ${one.hint}`}`)
  }
  const access = cwdFacts(cwd)
  if (!access.exists) problems.push(`${cwd}: there is no such directory`)
  else if (!access.writable) problems.push(`${cwd}: cannot be written`)
  if (access.exists && !access.git) {
    recommendations.push(`${cwd} is no git repository: runs work in place there and cannot be undone (git init)`)
  }
  const git = gitVersion()
  if (git === undefined) problems.push('git is not installed')
  const health = await app.store.check()
  problems.push(...health.problems)
  const sandbox = await app.sandbox()
  if (sandbox.problem !== undefined)
    recommendations.push(`no sandbox, so --skip-permissions does not start: ${sandbox.problem}`)
  const worktrees = await app.worktrees()
  const stale = worktrees.filter((one) => one.status === 'half-made')
  for (const one of worktrees) {
    if (one.status === 'damaged' || one.status === 'lost')
      recommendations.push(`${one.folder}: ${one.problem ?? one.status}`)
  }
  const interrupted = (await app.runs.list({ status: ['running'] })).filter((run) => app.runs.interrupted(run))
  for (const run of interrupted) recommendations.push(`run ${run.id} was interrupted: loopwright resume ${run.id}`)
  if (await app.store.killSwitch()) recommendations.push('the kill switch is on, no run starts: loopwright kill --off')
  if (asked.fix) {
    const copy = join(app.config.home, 'loopwright.backup.db')
    try {
      if (health.ok) {
        await app.store.backup(copy)
        fixed.push(`copied the database to ${copy}`)
      }
      for (const name of await app.removeStale()) fixed.push(`removed the half-made worktree ${name}`)
    } catch (error) {
      problems.push(`could not be mended: ${messageOf(error)}`)
    }
  } else if (stale.length > 0) {
    recommendations.push(
      `${counted(stale.length, 'half-made worktree')} from a crash: loopwright doctor --fix removes them`,
    )
  }
  return {
    ok: problems.length === 0,
    backends,
    cwd: access,
    timeout: {
      value: asked.timeout ?? null,
      meaning:
        asked.timeout === undefined
          ? 'no time limit for a call of an agent'
          : `each call of an agent is ended after ${formatDuration(asked.timeout)}`,
    },
    timeouts: timeoutLayers(app.config, asked.timeout),
    sandbox: {
      mode: sandbox.mode,
      works: sandbox.sandbox?.name ?? null,
      version: sandbox.version ?? null,
      problem: sandbox.problem ?? null,
    },
    node: process.versions.node,
    git: git ?? null,
    store: { ...health, home: app.config.home },
    worktrees: worktrees.length,
    problems,
    fixed,
    recommendations,
  }
}

/** Every clock that can end something, from the inside out. */
function timeoutLayers(config: Config, call: number | undefined) {
  const layer = (name: string, flag: string, seconds: number | undefined, meaning: string) => ({
    layer: name,
    flag,
    seconds: seconds === undefined || seconds === 0 ? null : seconds,
    meaning,
  })
  return [
    layer(
      'stall',
      '--stall',
      config.stall,
      'an agent that neither prints nor works for so long is ended and tried again',
    ),
    layer('call', '--timeout', call, 'a call of an agent is ended after so long, however busy it is, and tried again'),
    layer('check', '--verify-timeout', undefined, 'a check that takes longer has failed'),
    layer('phase', '--max-seconds', config.budget.seconds, 'wall-clock time of the run, looked at between phases only'),
    layer(
      'run',
      '--max-duration',
      config.budget.duration,
      'working time of the run; workers are ended, the run can be resumed',
    ),
  ]
}

function cwdFacts(path: string) {
  const exists = existsSync(path) && statSync(path).isDirectory()
  const can = (mode: number) => {
    try {
      accessSync(path, mode)
      return true
    } catch {
      return false
    }
  }
  return {
    path,
    exists,
    readable: exists && can(constants.R_OK),
    writable: exists && can(constants.W_OK),
    git: exists && insideGit(path),
  }
}

function insideGit(path: string): boolean {
  for (let here = path; ; here = join(here, '..')) {
    if (existsSync(join(here, '.git'))) return true
    if (here === join(here, '..')) return false
  }
}

function gitVersion(): string | undefined {
  const ran = spawnSync('git', ['--version'], { encoding: 'utf8', timeout: 5_000, cwd: '/' })
  return ran.status === 0 ? ran.stdout.trim().replace('git version ', '') : undefined
}
