import type { App } from '../../app.ts'
import type { JournalEvent } from '../../core/event.ts'
import { eventLines, progressLine, progressMessage } from '../../core/progress.ts'
import { emptyView, fold, type RunView, reduce } from '../../core/view.ts'
import { type Io, note, styleOf } from './io.ts'
import { clock, describeLine } from './lines.ts'

/** How a run is shown while it goes on: `auto` is the live view at a terminal and plain lines elsewhere. */
export type Show = 'auto' | 'plain' | 'progress' | 'quiet'

/** Shows a run on standard error while it goes on. */
export interface Follower {
  /** What is known of the run so far. */
  readonly view: RunView
  /** A line for people, besides the run's own. */
  remark(text: string): void
  /** Shows what is still to be shown and gives the terminal back. */
  finish(): Promise<RunView>
}

/** Begins to show a run, from what is new now on. */
export async function follow(app: App, id: string, io: Io, show: Show): Promise<Follower> {
  const run = await app.runs.get(id)
  let view = fold(emptyView(run), await app.runs.events(id))
  const live = show === 'auto' && io.stderr.isTTY === true && io.env.TERM !== 'dumb'
  const screen = live ? new (await import('./live/screen.ts')).Screen(io) : undefined
  const plain = show === 'plain' || (show === 'auto' && !live)
  const style = styleOf(io.env, io.stderr)
  screen?.show(view)

  const take = (event: JournalEvent) => {
    if (event.seq <= view.seq) return
    view = reduce(view, event)
    screen?.show(view)
    if (show === 'progress') {
      const line = progressLine(view, event)
      if (line) note(io, JSON.stringify(line))
    }
    const finished = progressMessage(view, event)
    if (screen && finished !== undefined && event.kind === 'emitted') screen.persist(finished)
    if (!plain) return
    for (const line of eventLines(view, event)) {
      const text = line.kind === 'iteration_finished' ? finished : describeLine(line)
      if (text !== undefined) note(io, `${style.dim(clock(line.ts))}  ${text.replaceAll('\n', '\n          ')}`)
    }
  }
  const over = new AbortController()
  const watching = (async () => {
    for await (const event of app.runs.watch(id, { from: view.seq + 1, signal: over.signal })) take(event)
  })().catch(() => {
    // Showing a run is no reason to end it; what was missed is shown at the end.
  })
  return {
    get view() {
      return view
    },
    remark(text) {
      if (screen) screen.remark(text)
      else if (show !== 'progress') note(io, text)
    },
    async finish() {
      over.abort()
      await watching
      for (const event of await app.runs.events(id, { from: view.seq + 1 })) take(event)
      screen?.close()
      return view
    },
  }
}
