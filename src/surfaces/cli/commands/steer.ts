import type { App } from '../../../app.ts'
import { answerAsk, giveAnswers, openAsk, personHere } from '../../../compose/answer.ts'
import { driveBehind, wasDetached } from '../../../compose/behind.ts'
import { findRun } from '../../../compose/look.ts'
import { requirePerson } from '../../../compose/person.ts'
import { answerOf } from '../../../core/answers.ts'
import type { Caps } from '../../../core/budget.ts'
import { toCaps } from '../../../core/caps.ts'
import { isLoopwrightError } from '../../../core/errors.ts'
import { counted } from '../../../core/human.ts'
import { finalStatuses, type RunRecord } from '../../../core/ports.ts'
import { exitCode } from '../../../core/result.ts'
import { decodeToken } from '../../../core/token.ts'
import { detach } from '../detach.ts'
import { driveHere, printOutcome } from '../drive.ts'
import type { RunFlags } from '../goal-flags.ts'
import { canAsk, type Io, note, print } from '../io.ts'
import { wrong } from '../problem.ts'
import { showOf, withApp } from '../session.ts'

type GoOnFlags = Partial<RunFlags>

/** `loopwright resume`. */
export async function resume(io: Io, reference: string, flags: GoOnFlags): Promise<number> {
  return await withApp(io, async (app) => {
    const run = await findRun(app, reference)
    await answerFirst(app, run, flags.answer)
    const caps = capsOf(flags)
    if (Object.keys(caps).length > 0 || !['queued', 'running', 'waiting'].includes(run.status)) {
      await app.runs.reopen(run.id, caps)
    }
    return await goOn(app, io, await app.runs.get(run.id), flags)
  })
}

/** `loopwright fork`. */
export async function fork(io: Io, reference: string, flags: GoOnFlags & { readonly at: number }): Promise<number> {
  return await withApp(io, async (app) => {
    const run = await findRun(app, reference)
    const caps = capsOf(flags)
    const forked = await app.runs.fork(
      run.id,
      flags.at,
      Object.keys(caps).length === 0 ? {} : { caps: { ...run.caps, ...caps } },
    )
    if (showOf(flags) === 'auto') note(io, `run ${forked.id}, from iteration ${flags.at} of ${run.id}`)
    return await goOn(app, io, forked, flags)
  })
}

/** `loopwright answer`. */
export async function answer(io: Io, reference: string, given: readonly string[]): Promise<number> {
  return await withApp(io, async (app) => {
    const open = await openAsk(app, decodeToken(reference))
    const { run, ask } = open
    let value = given.length === 0 ? undefined : answerOf(ask.request, given, personHere())
    if (value === undefined) {
      if (!canAsk(io)) wrong('there is no answer', `loopwright answer ${run.id} "…"`)
      const { askQuestions } = await import('../prompts.ts')
      value = await askQuestions(io, ask.request)
      if (value === undefined) return 130
    }
    await answerAsk(app, open, value)
    const idle = run.status === 'waiting'
    if (idle && wasDetached(app, run)) {
      // Nobody sits at its terminal to set it off again.
      await driveBehind(app, io.env, run)
      print(io, `answered ${run.id}: it goes on in the background`)
      return 0
    }
    print(io, `answered ${run.id}`)
    if (idle) note(io, `loopwright resume ${run.id} goes on (--detach: in the background)`)
    return 0
  })
}

/** `loopwright pause`. */
export async function pause(io: Io, reference: string): Promise<number> {
  return await ask(io, reference, 'pause')
}

/** `loopwright stop`. */
export async function stop(io: Io, reference: string): Promise<number> {
  return await ask(io, reference, 'stop')
}

/** `loopwright kill`. */
export async function kill(
  io: Io,
  reference: string | undefined,
  flags: { readonly all?: boolean; readonly off?: boolean },
): Promise<number> {
  if (flags.off && (flags.all || reference !== undefined)) wrong('--off stands alone')
  if (!flags.off && !flags.all && reference === undefined) wrong('which run?', 'loopwright kill <run>, or --all')
  return await withApp(io, async (app) => {
    if (flags.off) {
      requirePerson(app.config, 'turn the kill switch off')
      await app.store.killSwitch(false)
      print(io, 'the kill switch is off: runs may start')
      return 0
    }
    if (reference !== undefined && !flags.all) {
      const run = await findRun(app, reference)
      if (finalStatuses.includes(run.status)) {
        print(io, `${run.id} is ${run.status} already`)
        return 0
      }
      await app.runs.kill(run.id)
      print(io, `killed ${run.id}`)
      return 0
    }
    await app.store.killSwitch(true)
    const live = (await app.runs.list({ status: ['queued', 'running', 'waiting'] })).filter((run) => !run.parent)
    for (const run of live) await app.runs.kill(run.id)
    print(io, `${counted(live.length, 'run')} killed; none starts until: loopwright kill --off`)
    return 0
  })
}

/** `loopwright drive`: what a detached run's own process does. */
export async function drive(io: Io, id: string): Promise<number> {
  return await withApp(io, async (app) => {
    const run = await app.runs.get(id)
    return await driveHere(app, run.id, io, { show: 'plain', json: true })
  })
}

async function ask(io: Io, reference: string, what: 'pause' | 'stop'): Promise<number> {
  return await withApp(io, async (app) => {
    const run = await findRun(app, reference)
    const idle = !['running', 'waiting', 'queued'].includes(run.status) || app.runs.interrupted(run)
    if (idle) {
      const how = app.runs.interrupted(run) ? 'interrupted' : run.status
      print(io, `${run.id} is ${how}: nothing is under way`)
      return 0
    }
    await app.runs[what](run.id)
    print(io, `asked ${run.id} to ${what}`)
    note(io, `loopwright watch ${run.id} shows it; loopwright resume ${run.id} goes on`)
    return 0
  })
}

async function goOn(app: App, io: Io, run: RunRecord, flags: GoOnFlags): Promise<number> {
  if (flags.detach) return await detach(app, io, run, { json: flags.json === true })
  const asks = canAsk(io) && !flags.nonInteractive && !flags.json
  try {
    return await driveHere(app, run.id, io, { json: flags.json, show: showOf(flags), ask: asks })
  } catch (error) {
    if (!isLoopwrightError(error, 'conflict') || !finalStatuses.includes((await app.runs.get(run.id)).status))
      throw error
    await printOutcome(app, run.id, io, flags.json === true)
    return exitCode(await app.runs.get(run.id))
  }
}

async function answerFirst(app: App, run: RunRecord, given: readonly string[] | undefined): Promise<void> {
  if (given !== undefined) await giveAnswers(app, { run: run.id }, given)
}

function capsOf(flags: GoOnFlags): Caps {
  return toCaps({
    iterations: flags.maxIterations,
    duration: flags.maxDuration,
    tokens: flags.maxTokens,
    cost: flags.maxCost,
    agentCalls: flags.maxAgentCalls,
    agents: flags.maxAgents,
  })
}
