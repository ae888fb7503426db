import { existsSync } from 'node:fs'
import { examine } from '../../../compose/examine.ts'
import { formatDuration } from '../../../core/duration.ts'
import { counted } from '../../../core/human.ts'
import { oneLine, plainText } from '../../../core/plain.ts'
import { type Io, print, styleOf } from '../io.ts'
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
