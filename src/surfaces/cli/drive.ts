import type { App } from '../../app.ts'
import { resultJson } from '../../compose/look.ts'
import { isLoopwrightError } from '../../core/errors.ts'
import type { RunRecord } from '../../core/ports.ts'
import { exitCode } from '../../core/result.ts'
import type { RunView } from '../../core/view.ts'
import { type Follower, follow, type Show } from './follow.ts'
import { type Io, print, styleOf } from './io.ts'
import { outcomeText, questionsText } from './outcome.ts'

export interface DriveHere {
  readonly json?: boolean | undefined
  readonly show: Show
  /** Puts questions to the person at the terminal instead of ending with them. */
  readonly ask?: boolean | undefined
  /** False: leaves out which commands go on from here. */
  readonly next?: boolean
}

/** Drives a run in this process, shows it, and prints what it came to; answers the exit code. */
export async function driveHere(app: App, id: string, io: Io, options: DriveHere): Promise<number> {
  for (;;) {
    const { run, view } = await driveOnce(app, id, io, options.show)
    const [ask] = view.asks
    if (run.status === 'waiting' && ask && options.ask) {
      const { askQuestions } = await import('./prompts.ts')
      const answer = await askQuestions(io, ask.request)
      if (answer !== undefined) {
        await app.runs.answer(id, ask.id, answer)
        continue
      }
    }
    return await printOutcome(app, id, io, options.json === true, options.next)
  }
}

/** Prints what a run came to so far; answers the exit code that says so. */
export async function printOutcome(app: App, id: string, io: Io, json: boolean, next = true): Promise<number> {
  const [run, view, result] = [await app.runs.get(id), await app.view(id), await app.result(id)]
  const style = styleOf(io.env, io.stdout)
  if (json) print(io, JSON.stringify(resultJson(result)))
  else if (run.status === 'waiting' && view.asks.length > 0) print(io, questionsText(view, style))
  else print(io, outcomeText(result, view, style, next))
  if (app.runs.interrupted(run)) return 130
  return exitCode(run)
}

async function driveOnce(
  app: App,
  id: string,
  io: Io,
  show: Show,
): Promise<{ readonly run: RunRecord; readonly view: RunView }> {
  const stopping = new AbortController()
  const follower: { now?: Follower } = {}
  const stopListening = io.onInterrupt((times) => {
    if (times > 1) {
      if (io.stderr.isTTY === true) io.stderr.write('\u001B[?25h\n') // the cursor is back
      io.exit(130)
      return
    }
    follower.now?.remark('stopping; once more ends it at once. Nothing is lost: loopwright resume goes on')
    stopping.abort()
  })
  try {
    follower.now = await follow(app, id, io, show)
    const run = await driven(app, id, stopping.signal, follower.now)
    return { run, view: await follower.now.finish() }
  } catch (error) {
    await follower.now?.finish().catch(() => {})
    throw error
  } finally {
    stopListening()
  }
}

/** Drives; a run that another process took over is followed to its end there. */
async function driven(app: App, id: string, signal: AbortSignal, follower: Follower): Promise<RunRecord> {
  try {
    return await app.runs.drive(id, { signal })
  } catch (error) {
    if (!isLoopwrightError(error, 'fenced')) throw error
    follower.remark('another process drives this run now')
    return await app.runs.get(id)
  }
}
