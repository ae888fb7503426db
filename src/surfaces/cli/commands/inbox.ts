import type { App } from '../../../app.ts'
import { decide } from '../../../compose/answer.ts'
import { inboxOf } from '../../../compose/inbox.ts'
import { isLoopwrightError } from '../../../core/errors.ts'
import { formatAgo } from '../../../core/human.ts'
import type { InboxItem } from '../../../core/inbox.ts'
import { oneLine } from '../../../core/plain.ts'
import { finalStatuses, type RunRecord } from '../../../core/ports.ts'
import { decodeToken } from '../../../core/token.ts'
import { detach } from '../detach.ts'
import { driveHere } from '../drive.ts'
import { type Io, note, print, type Style, styleOf } from '../io.ts'
import { showOf, withApp } from '../session.ts'

/** `loopwright inbox`: everything that waits for a person, and what to type. */
export async function inbox(io: Io, flags: { readonly all?: boolean; readonly json?: boolean }): Promise<number> {
  return await withApp(io, async (app) => {
    const items = await inboxOf(app, Date.now(), flags.all === true)
    if (flags.json) print(io, JSON.stringify({ items }))
    else if (items.length === 0) note(io, 'nothing waits for you')
    else {
      const style = styleOf(io.env, io.stdout)
      print(io, items.map((item) => itemText(item, style)).join('\n\n'))
    }
    return 0
  })
}

function itemText(item: InboxItem, style: Style): string {
  const row = (name: string, text: string) => `  ${style.dim(name.padEnd(8))} ${text}`
  const files = item.files.slice(0, 5).map((file) => oneLine(file, 80))
  const more = item.files.length > files.length ? [`… ${item.files.length - files.length} more`] : []
  const facts = [item.pattern ?? item.loop, formatAgo(item.age * 1000), ...(item.answered ? ['answered'] : [])]
  const rest = item.kind === 'question' ? item.questions.slice(1) : []
  return [
    `${style.bold(oneLine(item.title, 160))}`,
    row(item.kind, `${item.run_id} · ${facts.map((one) => oneLine(one, 60)).join(' · ')} · ${item.status}`),
    ...rest.map((text) => row('', oneLine(text, 160))),
    ...(item.reason === null ? [] : [row('why', oneLine(item.reason, 200))]),
    ...(files.length === 0 ? [] : [row('files', [...files, ...more].join(', '))]),
    ...(item.branch === null ? [] : [row('branch', oneLine(item.branch, 120))]),
    ...item.commands.map((one, i) => row(i === 0 ? 'type' : '', style.cyan(one))),
  ].join('\n')
}

export interface DecideFlags {
  readonly note?: string
  readonly detach?: boolean
  readonly json?: boolean
  readonly progress?: boolean
  readonly quiet?: boolean
}

/** `loopwright approve`. */
export async function approve(io: Io, reference: string, flags: DecideFlags): Promise<number> {
  return await withApp(io, (app) => decideIn(app, io, reference, true, flags))
}

/** `loopwright deny`. */
export async function deny(io: Io, reference: string, flags: DecideFlags): Promise<number> {
  return await withApp(io, (app) => decideIn(app, io, reference, false, flags))
}

/** Decides, and sees to it that the run goes on: here, in the background, or where somebody drives it. */
export async function decideIn(
  app: App,
  io: Io,
  reference: string,
  approved: boolean,
  flags: DecideFlags,
): Promise<number> {
  const word = approved ? 'approved' : 'denied'
  const run = await decide(app, decodeToken(reference), { approved, note: flags.note })
  const said = (text: string) => {
    if (flags.json) print(io, JSON.stringify({ run_id: run.id, decision: word, message: text }))
    else print(io, `${word} ${run.id}: ${text}`)
    return 0
  }
  if (!knows(app, run)) return said('the program it belongs to goes on with it')
  const now = await app.runs.get(run.id)
  if (now.status === 'running' && !app.runs.interrupted(now)) return said('it goes on where it is driven')
  if (['paused', 'stopped', 'failed'].includes(now.status)) await app.runs.reopen(run.id)
  if (!flags.json) note(io, `${word} ${run.id}`)
  try {
    if (flags.detach) return await detach(app, io, now, { json: flags.json === true })
    const code = await driveHere(app, run.id, io, { json: flags.json, show: showOf(flags) })
    // A run that ends because somebody said no did what it was told.
    return !approved && finalStatuses.includes((await app.runs.get(run.id)).status) ? 0 : code
  } catch (error) {
    if (!isLoopwrightError(error, 'conflict')) throw error
    return said('another process goes on with it')
  }
}

/** Whether the loop of a run is one that can be driven here. */
function knows(app: App, run: RunRecord): boolean {
  try {
    app.runs.loop(run.loop)
    return true
  } catch {
    return false
  }
}
