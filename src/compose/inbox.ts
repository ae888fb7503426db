import type { App } from '../app.ts'
import { type InboxItem, inboxItems } from '../core/inbox.ts'
import type { RunStatus } from '../core/ports.ts'
import { answeredAsks } from './answer.ts'
import { shownOf } from './look.ts'

/** Runs that wait for a person, or have a branch that does. */
const asking: readonly RunStatus[] = ['waiting', 'running']
/** Runs that ask, but would not go on if they were answered: they were stopped, or failed. */
const halted: readonly RunStatus[] = ['paused', 'stopped', 'failed']

/**
 * All that people are asked by the runs of this machine, what waits longest first. `all`: also by runs that were paused, stopped or
 * failed meanwhile.
 */
export async function inboxOf(app: App, now: number, all = false): Promise<InboxItem[]> {
  const runs = await app.runs.list({ status: all ? [...asking, ...halted] : asking })
  const entries = await Promise.all(
    runs.map(async (run) => ({
      run: shownOf(app, run),
      view: await app.view(run.id),
      answered: await answeredAsks(app, run.id),
    })),
  )
  const items = inboxItems(entries, now)
  // What is answered is under way, unless nobody drives its run.
  return all ? items : items.filter((item) => !item.answered || item.status !== 'running')
}
