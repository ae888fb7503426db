import { writeActionFiles } from '../../../compose/action.ts'
import { formatDuration } from '../../../core/duration.ts'
import { oneLine, plainText } from '../../../core/plain.ts'
import { isLevel, type Level, levels } from '../../../core/triage/level.ts'
import type { Pattern } from '../../../core/triage/pattern.ts'
import type { Plan } from '../../../core/triage/plan.ts'
import { tickSettings } from '../../../core/triage/settings.ts'
import { budgetLine, ticksText, withCommas } from '../../../core/triage/text.ts'
import type { TickResult } from '../../../core/triage/tick.ts'
import type { TickSettings } from '../../../core/triage/ticks.ts'
import { goalFlags, type RunFlags } from '../goal-flags.ts'
import { type Io, note, print, styleOf } from '../io.ts'
import { wrong } from '../problem.ts'
import { withApp } from '../session.ts'

/** The flags of `run` that go with a pattern. */
export type PatternFlags = RunFlags & {
  readonly level?: string
  readonly ticks?: number
  readonly item?: string
  readonly deliver?: string
  readonly worktree?: boolean
}

/** A level by its name; any letter case. */
export function levelOf(text: string | undefined): Level | undefined {
  if (text === undefined) return undefined
  const level = text.toUpperCase()
  if (isLevel(level)) return level
  return wrong(`there is no level ${text}`, `one of ${levels.join(', ')}`)
}

/** `loopwright list`: the patterns of this project. */
export async function listPatterns(io: Io, flags: { readonly json?: boolean }): Promise<number> {
  return await withApp(io, async (app) => {
    const patterns = await app.triage.patterns()
    if (flags.json) {
      print(io, JSON.stringify(patterns))
      return 0
    }
    const style = styleOf(io.env, io.stdout)
    const width = Math.max(...patterns.map(({ id }) => id.length))
    for (const one of patterns) {
      const facts = [
        one.cadence.text,
        one.weekOneMode,
        `risk ${one.risk}`,
        `${withCommas(one.cost.suggestedDailyCap)} tokens/day`,
      ]
      const from = one.origin === undefined ? 'comes with loopwright' : 'registry.yaml'
      print(io, `${style.bold(one.id.padEnd(width))}  ${[...facts, from].join(' · ')}`)
      print(io, `${' '.repeat(width)}  ${style.dim(oneLine(one.goal, 140))}`)
    }
    return 0
  })
}

/** `loopwright plan <pattern>`: what a tick of it would be. */
export async function planPattern(
  io: Io,
  id: string,
  flags: { readonly level?: string; readonly json?: boolean },
): Promise<number> {
  const level = levelOf(flags.level)
  return await withApp(io, async (app) => {
    const plan = await app.triage.plan(id, level)
    print(io, flags.json ? JSON.stringify(plan) : planText(plan))
    return 0
  })
}

function planText({ pattern, level, permissions, dailyTokenCap, stages, notes }: Plan): string {
  const may = Object.entries(permissions)
  const row = (name: string, text: string) => `  ${name.padEnd(10)} ${text}`
  return [
    `${pattern.name} [${level}]`,
    row('goal', oneLine(pattern.goal, 200)),
    row('cadence', cadenceText(pattern)),
    row('does', stages.join(' → ')),
    row(
      'may',
      may
        .filter(([, yes]) => yes)
        .map(([name]) => name)
        .join(', ') || 'read only',
    ),
    row(
      'may not',
      may
        .filter(([, yes]) => !yes)
        .map(([name]) => name)
        .join(', ') || 'nothing is withheld but what the gate holds back',
    ),
    row('sources', pattern.sources.join(', ')),
    row('for humans', pattern.humanGates.join(', ')),
    row('budget', `${withCommas(dailyTokenCap)} tokens per UTC day; from 80 % on it only reports`),
    row('state', pattern.state),
    ...notes.map((text) => row('note', text)),
  ].join('\n')
}

function cadenceText({ cadence }: Pattern): string {
  if (cadence.kind === 'cron') return cadence.text
  const every = (ms: number) => formatDuration(ms / 1000)
  return cadence.minMs === cadence.maxMs
    ? `every ${every(cadence.minMs)}`
    : `every ${every(cadence.minMs)} when busy, ${every(cadence.maxMs)} when quiet`
}

/** `loopwright run <pattern>`: ticks of a triage loop, one after the other. */
export async function runPattern(io: Io, id: string, flags: PatternFlags): Promise<number> {
  const level = levelOf(flags.level)
  const { ticks = 1 } = flags
  if (flags.goal !== undefined || flags.goalFile !== undefined || flags.plan !== undefined) {
    wrong(`${id} is a triage pattern, and has a goal of its own`, 'leave out --goal, --goal-file and --plan')
  }
  if (!flags.isolate || flags.isolation === 'inplace')
    wrong('a triage loop always works in a worktree', 'leave out --no-isolate')
  const settings = await settingsOf(io, flags)
  return await withApp(
    io,
    async (app) => {
      const pattern = await app.triage.pattern(id)
      const dryRun = flags.dryRun === true
      const session = app.runs.newId()
      const stopping = new AbortController()
      const stopListening = io.onInterrupt((times) => {
        if (times > 1) io.exit(130)
        else stopping.abort()
      })
      const results: TickResult[] = []
      try {
        for (let tick = 1; tick <= ticks && !stopping.signal.aborted; tick++) {
          if (flags.quiet !== true && !flags.json) note(io, `${pattern.name}: tick ${tick} of ${ticks} …`)
          const result = await app.triage.tick({
            pattern,
            dryRun,
            session,
            tick,
            settings,
            signal: stopping.signal,
            ...(level === undefined ? {} : { level }),
            ...(flags.item === undefined ? {} : { item: flags.item }),
          })
          results.push(result)
          if (result.decision === 'halt') break
        }
      } catch (error) {
        if (!stopping.signal.aborted) throw error
        note(io, 'stopped; nothing is lost: the next tick of this pattern goes on with it')
        return 130
      } finally {
        stopListening()
      }
      await writeActionFiles(io.env, results)
      print(
        io,
        flags.json
          ? JSON.stringify({ pattern: id, ticks: results, budget: budgetOf(results) })
          : plainText(ticksText(results)),
      )
      return exitOf(results)
    },
    { cwd: flags.cwd, quiet: flags.quiet === true },
  )
}

async function settingsOf(io: Io, flags: PatternFlags): Promise<TickSettings> {
  return tickSettings({ ...(await goalFlags(io, flags)), deliver: flags.deliver?.replace('-', '_') })
}

function budgetOf(results: readonly TickResult[]) {
  const last = results.at(-1)
  return last === undefined ? null : { spent: last.spent, cap: last.cap, text: budgetLine(last) }
}

/** 0: all went its way; 1: halted by a guard; 2: a tick failed; 3: a person has to decide. */
export function exitOf(results: readonly TickResult[]): number {
  const outcomes = results.map(({ outcome }) => outcome)
  if (outcomes.includes('failed')) return 2
  if (outcomes.includes('escalated')) return 3
  return outcomes.includes('halted') ? 1 : 0
}
