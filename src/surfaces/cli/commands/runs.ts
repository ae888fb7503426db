import { listFacts, shownOf, titleOf } from '../../../compose/look.ts'
import { counted, formatAgo } from '../../../core/human.ts'
import { oneLine, pad, truncate } from '../../../core/plain.ts'
import { finalStatuses } from '../../../core/ports.ts'
import { toPrune } from '../../../core/prune.ts'
import { parseWhere, type Shown } from '../../../core/where.ts'
import { type Io, note, print, styleOf } from '../io.ts'
import { wrong } from '../problem.ts'
import { withApp } from '../session.ts'

/** `loopwright runs`. */
export async function listRuns(
  io: Io,
  flags: {
    readonly label?: Readonly<Record<string, string>>
    readonly where?: string
    readonly limit: number
    readonly json?: boolean
  },
): Promise<number> {
  const fits = flags.where === undefined ? () => true : parseWhere(flags.where)
  return await withApp(io, async (app) => {
    const all = await app.runs.list(flags.label === undefined ? {} : { labels: flags.label })
    const shown = all.map((run) => shownOf(app, run)).filter(fits)
    const some = shown.slice(0, flags.limit)
    if (flags.json) {
      print(io, JSON.stringify({ runs: some.map(listFacts), total: shown.length }))
      return 0
    }
    if (some.length === 0) {
      note(io, all.length === 0 ? 'no run yet: loopwright run --goal "…" starts one' : 'no run fits')
      return 0
    }
    table(io, some)
    if (shown.length > some.length) note(io, `… ${shown.length - some.length} more: --limit ${shown.length}`)
    return 0
  })
}

/** `loopwright runs prune`. */
export async function prune(
  io: Io,
  flags: {
    readonly olderThan?: number
    readonly outcome?: string
    readonly keep?: number
    readonly dryRun?: boolean
    readonly json?: boolean
  },
): Promise<number> {
  const outcomes = flags.outcome?.split(',').map((one) => one.trim())
  const known = [...finalStatuses, 'failed', 'stopped', 'paused']
  const strange = outcomes?.find((one) => !known.includes(one))
  if (strange !== undefined)
    wrong(`no run can be pruned that is ${JSON.stringify(strange)}`, `one of: ${known.join(', ')}`)
  return await withApp(io, async (app) => {
    const rule = {
      ...(flags.olderThan === undefined ? {} : { olderThanMs: flags.olderThan * 1000 }),
      ...(outcomes === undefined ? {} : { outcomes }),
      ...(flags.keep === undefined ? {} : { keep: flags.keep }),
    }
    const going = toPrune(await app.runs.list(), rule, Date.now())
    const removed: string[] = []
    const kept: { readonly run_id: string; readonly why: string }[] = []
    for (const run of flags.dryRun ? [] : going) {
      const why = await app.remove(run.id)
      if (why === undefined) removed.push(run.id)
      else kept.push({ run_id: run.id, why })
    }
    const ids = flags.dryRun ? going.map((run) => run.id) : removed
    if (flags.json) print(io, JSON.stringify({ dry_run: flags.dryRun === true, removed: ids, kept }))
    else {
      for (const id of ids) print(io, id)
      for (const one of kept) note(io, `${one.run_id} stays: ${oneLine(one.why, 200)}`)
      note(io, flags.dryRun ? `${counted(ids.length, 'run')} would go` : `${counted(ids.length, 'run')} removed`)
    }
    return 0
  })
}

function table(io: Io, runs: readonly Shown[]): void {
  const style = styleOf(io.env, io.stdout)
  const width = io.stdout.isTTY ? (io.stdout.columns ?? 100) : 200
  const idWidth = Math.max(2, ...runs.map((run) => run.id.length))
  const paint = (status: string) =>
    status === 'done'
      ? style.green
      : ['failed', 'killed'].includes(status)
        ? style.red
        : status === 'running'
          ? style.cyan
          : style.yellow
  print(io, style.dim(`${'run'.padEnd(idWidth)}  ${'status'.padEnd(11)}  ${'when'.padEnd(8)}  goal`))
  const now = Date.now()
  for (const run of runs) {
    const reason = run.status === 'stopped' || run.status === 'failed' ? ` (${oneLine(run.reason ?? '', 60)})` : ''
    const text = `${oneLine(titleOf(run), 120)}${reason}`
    const room = Math.max(10, width - idWidth - 25)
    print(
      io,
      `${pad(run.id, idWidth)}  ${paint(run.status)(pad(run.status, 11))}  ${pad(formatAgo(now - run.updatedAt), 8)}  ${truncate(text, room)}`,
    )
  }
}
