import { resolve } from 'node:path'
import type { App, StartLoop } from '../../../app.ts'
import { findRun } from '../../../compose/look.ts'
import { prepareHere } from '../../../compose/prepared.ts'
import { namesPattern } from '../../../config/loops.ts'
import type { PreparedLoop } from '../../../config/prepare.ts'
import { findLoopFile } from '../../../config.ts'
import { answerOf } from '../../../core/answers.ts'
import type { Caps } from '../../../core/budget.ts'
import { toCaps } from '../../../core/caps.ts'
import { isLoopwrightError, LoopwrightError } from '../../../core/errors.ts'
import { oneLine, plainText } from '../../../core/plain.ts'
import type { RunRecord } from '../../../core/ports.ts'
import { exitCode } from '../../../core/result.ts'
import { usesAgents } from '../../../core/spec/loop.ts'
import { decodeToken } from '../../../core/token.ts'
import { detach } from '../detach.ts'
import { driveHere } from '../drive.ts'
import { dryRun } from '../dry-run.ts'
import { budgetFlags, goalFlags, type RunFlags } from '../goal-flags.ts'
import { canAsk, type Io, note, styleOf } from '../io.ts'
import { headline } from '../outcome.ts'
import { wrong } from '../problem.ts'
import { directoryOf, showOf, withApp } from '../session.ts'

/** `loopwright run`: puts a loop together, starts it, and drives it here or in the background. */
export async function run(io: Io, loops: readonly string[], flags: RunFlags): Promise<number> {
  if (loops.length > 1) return await runTogether(io, loops, flags)
  const [word] = loops
  if (word !== undefined && namesPattern(word, io.cwd)) {
    return await (await import('./triage.ts')).runPattern(io, word, flags)
  }
  const alone = ['level', 'ticks', 'item', 'deliver'].find((name) => name in flags)
  if (alone !== undefined) wrong(`--${alone} goes with a pattern: loopwright run daily-triage --${alone} …`)
  const file = loops[0] === undefined ? undefined : await findLoopFile(resolve(io.cwd, loops[0]))
  if (flags.resume !== undefined) return await answered(io, flags.resume, flags)
  if (flags.answer !== undefined) wrong('--answer goes with --resume <token>')
  const interactive = canAsk(io) && !flags.nonInteractive && !flags.json
  let given = await goalFlags(io, flags)
  if (given.goal === undefined && file === undefined && flags.plan === undefined) {
    if (!interactive) wrong('there is no goal', 'give --goal "…", --goal-file FILE, or a loop file')
    const { askText } = await import('../prompts.ts')
    const goal = await askText(io, 'Goal>')
    if (goal === undefined) return 130
    given = { ...given, goal, ask: true }
  }
  const cwd = directoryOf(io, flags.cwd)
  return await withApp(
    io,
    async (app) => {
      const prepared = await prepareHere(app, given, {
        file,
        plan: flags.plan === undefined ? undefined : resolve(io.cwd, flags.plan),
      })
      const { spec } = prepared
      const request = requestOf(prepared, cwd)
      if (flags.dryRun) return dryRun(app, io, prepared, { cwd: request.project, json: flags.json === true })
      const record = await trusted(app, io, [request], interactive, () => app.start(request))
      if (flags.detach) return await detach(app, io, record, { json: flags.json === true })
      if (showOf(flags) === 'auto') {
        const view = await app.view(record.id)
        const agent = spec.agentCommand === undefined ? (spec.agent ?? 'auto') : 'command'
        const checks = spec.kind === 'goal' ? spec.verify.length + (spec.playwright ? 1 : 0) : undefined
        const facts = { agent: usesAgents(spec) ? agent : undefined, checks }
        note(io, styleOf(io.env, io.stderr).dim(headline(view, facts)))
      }
      return await driveHere(app, record.id, io, { json: flags.json, show: showOf(flags), ask: interactive })
    },
    { cwd, quiet: flags.quiet === true },
  )
}

/** Several loops at once, under one budget besides their own. */
async function runTogether(io: Io, loops: readonly string[], flags: RunFlags): Promise<number> {
  if (flags.goal !== undefined || flags.goalFile !== undefined || flags.plan !== undefined) {
    wrong('several loops are named, and a goal besides', 'give either loop files, or a goal')
  }
  const interactive = canAsk(io) && !flags.nonInteractive && !flags.json
  const cwd = directoryOf(io, flags.cwd)
  const { concurrency, ...given } = await goalFlags(io, flags)
  // What is asked for all of them together is no cap of each; the number of rounds is.
  const all = capsOf({ ...budgetFlags(flags) })
  const own = Object.fromEntries(
    Object.entries(given).filter(([path]) => !path.startsWith('budget.') || path === 'budget.iterations'),
  )
  return await withApp(
    io,
    async (app) => {
      const prepared = await Promise.all(
        loops.map(async (name) => {
          const file = await findLoopFile(resolve(io.cwd, name))
          const loop = await prepareHere(app, own, { file, plan: undefined })
          return { name, loop, request: { ...requestOf(loop, cwd), name } }
        }),
      )
      const requests = prepared.map(({ request }) => request)
      if (flags.dryRun) {
        for (const { loop, request } of prepared) {
          dryRun(app, io, loop, { cwd: request.project, json: flags.json === true })
        }
        return 0
      }
      const more = typeof concurrency === 'number' ? { concurrency } : {}
      const record = await trusted(app, io, requests, interactive, () =>
        app.startTogether({ loops: requests, caps: all, ...more }),
      )
      if (flags.detach) return await detach(app, io, record, { json: flags.json === true })
      return await driveHere(app, record.id, io, { json: flags.json, show: showOf(flags), ask: interactive })
    },
    { cwd, quiet: flags.quiet === true },
  )
}

function requestOf({ spec, source, project }: PreparedLoop, cwd: string): StartLoop & { readonly project: string } {
  return { spec, project: project ?? cwd, ...(source ? { source } : {}) }
}

/** The caps that flags ask for a run of several loops. */
function capsOf(flags: Readonly<Record<string, number | undefined>>): Caps {
  const at = (key: string) => flags[`budget.${key}`]
  return toCaps({
    duration: at('duration'),
    tokens: at('tokens'),
    cost: at('cost'),
    agentCalls: at('agentCalls'),
    agents: at('agents'),
  })
}

/** Starts; where files of the project must be trusted first, the person at the terminal is asked. */
async function trusted(
  app: App,
  io: Io,
  requests: readonly StartLoop[],
  interactive: boolean,
  start: () => Promise<RunRecord>,
): Promise<RunRecord> {
  try {
    return await start()
  } catch (error) {
    if (!isLoopwrightError(error, 'untrusted')) throw error
    if (interactive) {
      const { askYes } = await import('../prompts.ts')
      // Read before the question: what changes while somebody thinks is not what he said yes to.
      const files = (await Promise.all(requests.map((request) => app.trust.filesOf(request)))).flat()
      note(io, plainText(error.message))
      if (await askYes(io, 'Do you trust these files to run commands on this machine?')) {
        await app.trust.give(files)
        return await start()
      }
    }
    const base = requests.flatMap(({ spec }) => (spec.base === undefined ? [] : [` --base ${oneLine(spec.base, 100)}`]))
    const sources = requests.flatMap(({ source }) => (source === undefined ? [] : [` ${oneLine(source.path, 200)}`]))
    const inPlace = requests.some(({ spec }) => spec.isolation === 'inplace') ? [' --isolation inplace'] : []
    const names = [...sources, ...base.slice(0, 1), ...inPlace].join('')
    throw new LoopwrightError('untrusted', error.message, { hint: `read them, then: loopwright trust${names}` })
  }
}

/** `run --resume <token> --answer …`. */
async function answered(io: Io, token: string, flags: RunFlags): Promise<number> {
  const { run: reference, ask: asked } = decodeToken(token)
  return await withApp(io, async (app) => {
    const record = await findRun(app, reference)
    const view = await app.view(record.id)
    const ask = asked === undefined ? view.asks[0] : view.asks.find((one) => one.id === asked)
    if (ask && flags.answer !== undefined) await app.runs.answer(record.id, ask.id, answerOf(ask.request, flags.answer))
    else if (!ask && flags.answer !== undefined) {
      throw new LoopwrightError('conflict', `run ${record.id} waits for no answer: it is ${record.status}`, {
        hint: `loopwright status ${record.id} shows it`,
      })
    }
    if (record.status === 'done') return exitCode(record)
    if (flags.detach) return await detach(app, io, record, { json: flags.json === true })
    const ask2 = canAsk(io) && !flags.nonInteractive && !flags.json
    if (['stopped', 'paused', 'failed'].includes(record.status)) await app.runs.reopen(record.id)
    return await driveHere(app, record.id, io, { json: flags.json, show: showOf(flags), ask: ask2 })
  })
}
