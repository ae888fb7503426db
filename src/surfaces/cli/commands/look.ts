import type { App } from '../../../app.ts'
import { findRun, isUnderWay, statusOf, untilStill } from '../../../compose/look.ts'
import { LoopwrightError } from '../../../core/errors.ts'
import { capsText, counted, formatAgo, spendText, turnWord } from '../../../core/human.ts'
import { oneLine } from '../../../core/plain.ts'
import { type EventLine, eventLines, progressMessage } from '../../../core/progress.ts'
import { rehydrate } from '../../../core/result.ts'
import { emptyView, reduce } from '../../../core/view.ts'
import { printOutcome } from '../drive.ts'
import { follow } from '../follow.ts'
import { type Io, print, styleOf } from '../io.ts'
import { clock, describeLine } from '../lines.ts'
import { renderLive } from '../live/render.ts'
import { withApp } from '../session.ts'

/** `loopwright status`. */
export async function status(io: Io, reference: string, flags: { readonly json?: boolean }): Promise<number> {
  return await withApp(io, async (app) => {
    const run = await findRun(app, reference)
    const view = await app.view(run.id)
    const shown = rehydrate(run, app.runs.interrupted(run))
    if (flags.json) {
      print(io, JSON.stringify(await statusOf(app, run)))
      return 0
    }
    const style = styleOf(io.env, io.stdout)
    const row = (name: string, text: string) => print(io, `${style.dim(name.padEnd(9))} ${text}`)
    row('run', run.id)
    row(view.kind === 'repair' ? 'mission' : 'goal', oneLine(view.goal ?? run.loop, 160))
    const reason = shown.reason === undefined || shown.reason === shown.status ? '' : `: ${oneLine(shown.reason, 160)}`
    row('status', `${style.bold(shown.status)}${reason}`)
    const of = view.caps.iterations === undefined ? '' : `/${view.caps.iterations}`
    row(turnWord(view.kind), `${view.iteration}${of}${view.phase === undefined ? '' : `, ${oneLine(view.phase, 30)}`}`)
    row('spent', spendText(view))
    row('budget', capsText(view.caps, view.kind))
    for (const warning of view.warnings.slice(-1)) row('', style.yellow(oneLine(warning.text, 100)))
    if (view.workspace) {
      row(
        'workspace',
        view.workspace.branch === undefined ? view.workspace.path : `${view.workspace.path} (${view.workspace.branch})`,
      )
    }
    row('changed', counted(view.changedCount, 'file'))
    row('updated', formatAgo(Date.now() - run.updatedAt))
    row('folder', app.runFolder(run))
    if (shown.status === 'running') {
      const width = io.stdout.isTTY ? (io.stdout.columns ?? 80) : 120
      print(io, `\n${renderLive(view, { width, height: 20, now: Date.now(), style })}`)
    }
    if (view.asks.length > 0) print(io, `\n${(await import('../outcome.ts')).questionsText(view, style)}`)
    else if (['paused', 'stopped', 'failed'].includes(shown.status)) row('next', `loopwright resume ${run.id}`)
    return 0
  })
}

/** `loopwright tail`. */
export async function tail(
  io: Io,
  reference: string,
  flags: { readonly follow?: boolean; readonly lines?: number; readonly json?: boolean },
): Promise<number> {
  return await withApp(io, async (app) => {
    const run = await findRun(app, reference)
    const style = styleOf(io.env, io.stdout)
    const text = (line: EventLine, finished: string | undefined) => {
      if (flags.json) return JSON.stringify(line)
      const said = line.kind === 'iteration_finished' ? finished : describeLine(line)
      return said === undefined ? undefined : `${style.dim(clock(line.ts))}  ${said.replaceAll('\n', '\n          ')}`
    }
    let view = emptyView(run)
    const before: string[] = []
    for (const event of await app.runs.events(run.id)) {
      view = reduce(view, event)
      for (const line of eventLines(view, event)) {
        const said = text(line, progressMessage(view, event))
        if (said !== undefined) before.push(said)
      }
    }
    const shown =
      flags.lines === undefined ? before : before.slice(before.length - Math.min(before.length, flags.lines))
    for (const one of shown) print(io, one)
    if (!flags.follow) return 0
    return await untilLeft(io, async (signal) => {
      for await (const event of app.runs.watch(run.id, { from: view.seq + 1, signal })) {
        view = reduce(view, event)
        for (const line of eventLines(view, event)) {
          const said = text(line, progressMessage(view, event))
          if (said !== undefined) print(io, said)
        }
      }
    })
  })
}

/** `loopwright result`. */
export async function result(
  io: Io,
  reference: string,
  flags: { readonly wait?: boolean; readonly timeout?: number; readonly json?: boolean },
): Promise<number> {
  return await withApp(io, async (app) => {
    const run = await findRun(app, reference)
    if (!isUnderWay(app, run)) return await printOutcome(app, run.id, io, flags.json === true)
    if (!flags.wait) {
      throw new LoopwrightError('conflict', `run ${run.id} is ${run.status}: there is no result yet`, {
        hint: `loopwright result --wait ${run.id}`,
      })
    }
    const left = await waited(app, io, run.id, flags.timeout)
    if (left === 'left') return 130
    if (left === 'late') {
      throw new LoopwrightError('conflict', `run ${run.id} is not over after ${flags.timeout}s`, {
        hint: `it goes on: loopwright result --wait ${run.id}`,
      })
    }
    return await printOutcome(app, run.id, io, flags.json === true)
  })
}

/** `loopwright watch`. */
export async function watch(io: Io, reference: string): Promise<number> {
  return await withApp(io, async (app) => {
    const run = await findRun(app, reference)
    if (isUnderWay(app, run)) {
      const follower = await follow(app, run.id, io, 'auto')
      const left = await waited(app, io, run.id, undefined)
      await follower.finish()
      if (left === 'left') return 130
    }
    return await printOutcome(app, run.id, io, false)
  })
}

/** Waits until a run is over, stopped, paused, or waits for answers. */
async function waited(app: App, io: Io, id: string, timeout: number | undefined): Promise<'over' | 'left' | 'late'> {
  let late = false
  const code = await untilLeft(io, async (signal) => {
    const limit = new AbortController()
    const timer =
      timeout === undefined
        ? undefined
        : setTimeout(() => {
            late = true
            limit.abort()
          }, timeout * 1000)
    try {
      const any = AbortSignal.any([signal, limit.signal])
      await untilStill(app, id, any)
    } finally {
      clearTimeout(timer)
    }
  })
  if (late) return 'late'
  return code === 0 ? 'over' : 'left'
}

/** Looks on until it is over or the person leaves; leaving ends nothing but the looking. */
async function untilLeft(io: Io, look: (signal: AbortSignal) => Promise<void>): Promise<number> {
  const leaving = new AbortController()
  let code = 0
  const stop = io.onInterrupt((times) => {
    code = 130
    if (times > 1) io.exit(130)
    leaving.abort()
  })
  try {
    await look(AbortSignal.any([leaving.signal, io.unread]))
    return code
  } finally {
    stop()
  }
}
