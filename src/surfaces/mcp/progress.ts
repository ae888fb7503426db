import type { ServerContext } from '@modelcontextprotocol/server'
import type { App } from '../../app.ts'
import type { JournalEvent } from '../../core/event.ts'
import { progressMessage } from '../../core/progress.ts'
import { emptyView, fold, reduce } from '../../core/view.ts'

/**
 * Tells a client that asked for progress of a run: at the start, and after every iteration. `finish` tells what is still to be told.
 */
export async function tellProgress(app: App, id: string, call: ServerContext): Promise<{ finish(): Promise<void> }> {
  const token = call.mcpReq._meta?.progressToken
  if (token === undefined) return { finish: async () => {} }
  const run = await app.runs.get(id)
  let view = fold(emptyView(run), await app.runs.events(id))
  let told = 0
  const tell = async (message: string) => {
    const total = view.caps.iterations
    const params = { progressToken: token, progress: told++, ...(total === undefined ? {} : { total }), message }
    // Nobody who listens is no reason to end a run.
    await call.mcpReq.notify({ method: 'notifications/progress', params }).catch(() => {})
  }
  const take = async (event: JournalEvent) => {
    if (event.seq <= view.seq) return
    view = reduce(view, event)
    const message = progressMessage(view, event)
    if (message !== undefined) await tell(message)
  }
  if (view.seq > 0) await tell(`run ${id} goes on after iteration ${view.iteration}`)
  const over = new AbortController()
  const watching = (async () => {
    for await (const event of app.runs.watch(id, { from: view.seq + 1, signal: over.signal })) await take(event)
  })().catch(() => {})
  return {
    async finish() {
      over.abort()
      await watching
      for (const event of await app.runs.events(id, { from: view.seq + 1 })) await take(event)
    },
  }
}
