import { spawnSync } from 'node:child_process'
import { accessSync, constants, existsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { App } from '../../../app.ts'
import type { Config } from '../../../config.ts'
import { formatDuration } from '../../../core/duration.ts'
import { messageOf } from '../../../core/errors.ts'
import { oneLine, plainText } from '../../../core/plain.ts'
import { type Io, print, styleOf } from '../io.ts'
import { counted } from '../lines.ts'
import { directoryOf, withApp } from '../session.ts'
import { loginText } from './about.ts'

interface DoctorFlags {
  readonly fix?: boolean
  readonly cwd?: string
  readonly timeout?: number
  readonly json?: boolean
}

/** `loopwright doctor`: looks, and with `--fix` mends what crashes left and keeps a copy of the database. Calls no agent. */
export async function doctor(io: Io, flags: DoctorFlags): Promise<number> {
  const cwd = directoryOf(io, flags.cwd)
  return await withApp(
    io,
    async (app) => {
      const report = await examine(app, cwd, flags)
      if (flags.json) print(io, JSON.stringify(report))
      else show(io, report)
      return report.ok ? 0 : 1
    },
    existsSync(cwd) ? { cwd } : {},
  )
}

type Report = Awaited<ReturnType<typeof examine>>

async function examine(app: App, cwd: string, flags: DoctorFlags) {
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
  if (flags.fix) {
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
      value: flags.timeout ?? null,
      meaning:
        flags.timeout === undefined
          ? 'no time limit for a call of an agent'
          : `each call of an agent is ended after ${formatDuration(flags.timeout)}`,
    },
    timeouts: timeoutLayers(app.config, flags.timeout),
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

function show(io: Io, report: Report): void {
  const style = styleOf(io.env, io.stdout)
  const row = (ok: boolean, name: string, text: string) =>
    print(io, `${ok ? style.green('✓') : style.red('✗')} ${name.padEnd(10)} ${oneLine(text, 300)}`)
  row(true, 'node', report.node)
  row(report.git !== null, 'git', report.git ?? 'not installed')
  row(report.cwd.exists && report.cwd.writable, 'directory', `${report.cwd.path}${report.cwd.git ? ' (git)' : ''}`)
  row(
    report.store.ok,
    'state',
    `${report.store.home}, ${counted(report.store.runs, 'run')}, ${counted(report.worktrees, 'worktree')}`,
  )
  const there = Object.entries(report.backends).filter(([, one]) => one.available)
  row(
    there.length > 1,
    'agents',
    there
      .map(([name, one]) =>
        [name, one.version, loginText({ name, ...one })].filter((part) => part !== undefined).join(' '),
      )
      .join(', '),
  )
  const { works, version, problem, mode } = report.sandbox
  const confines =
    works === null ? `none: ${problem ?? 'turned off'}` : `${works}${version === null ? '' : ` ${version}`}`
  row(works !== null || mode === 'none', 'sandbox', confines)
  for (const [at, { layer, flag, seconds, meaning }] of report.timeouts.entries()) {
    const value = seconds === null ? 'none' : formatDuration(seconds)
    row(true, at === 0 ? 'timeouts' : '', `${layer} ${value} (${flag}): ${meaning}`)
  }
  for (const one of report.problems) print(io, style.red(`! ${plainText(one)}`))
  for (const one of report.fixed) print(io, style.green(`+ ${plainText(one)}`))
  for (const one of report.recommendations) print(io, style.yellow(`- ${plainText(one)}`))
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
