import { etaMs, formatClock, formatCount, formatMoney, turnWord } from '../../../core/human.ts'
import { oneLine, pad, truncate } from '../../../core/plain.ts'
import type { AgentView, RunView } from '../../../core/view.ts'
import type { Style } from '../io.ts'

export interface LiveOptions {
  /** Columns of the terminal. */
  readonly width: number
  /** Lines there is room for. */
  readonly height: number
  /** Milliseconds since 1970. */
  readonly now: number
  readonly style: Style
}

const spinner = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏']

/** The live view of a run: a head line, the calls of agents, the checks, and what is spent. No line is wider than the terminal. */
export function renderLive(view: RunView, options: LiveOptions): string {
  const { style, height } = options
  const width = Math.max(4, options.width - 1)
  const rows: Row[] = [
    head(view, options),
    ...workers(view, options, Math.max(1, height - 6)),
    ...view.checks.slice(-3).map((check): Row => {
      const mark = check.state === 'running' ? spin(options) : check.state === 'passed' ? '✓' : '✗'
      const paint = check.state === 'failed' ? style.red : check.state === 'passed' ? style.green : style.cyan
      const took = check.duration === undefined ? '' : `  ${formatClock(check.duration * 1000)}`
      return { mark, paint, text: `check ${oneLine(check.name, 80)}${took}` }
    }),
    ...view.warnings.slice(-1).map((one): Row => ({ mark: '!', paint: style.yellow, text: oneLine(one.text, 100) })),
    { mark: ' ', paint: style.dim, text: foot(view, options), all: true },
  ]
  return rows
    .slice(0, Math.max(2, height))
    .map(({ mark, paint, text, all }) => {
      const fitting = truncate(text, width - 2)
      return all ? paint(`${mark} ${fitting}`) : `${paint(mark)} ${fitting}`
    })
    .join('\n')
}

interface Row {
  readonly mark: string
  readonly paint: (text: string) => string
  readonly text: string
  readonly all?: true
}

function head(view: RunView, options: LiveOptions): Row {
  const of = view.caps.iterations === undefined ? '' : `/${view.caps.iterations}`
  const at = view.iteration === 0 ? '' : `${turnWord(view.kind)} ${view.iteration}${of} · `
  const goal = oneLine(view.goal ?? view.loop, 80)
  return {
    mark: spin(options),
    paint: options.style.cyan,
    text: `${at}${oneLine(view.phase ?? view.status, 30)} · ${goal}`,
  }
}

function workers(view: RunView, options: LiveOptions, room: number): Row[] {
  const { style, now } = options
  const busy = view.workers.filter((one) => one.state === 'running' || one.state === 'waiting')
  const over = view.workers.filter((one) => one.state !== 'running' && one.state !== 'waiting')
  // What is under way matters most; what is over fills the room that is left, the newest first.
  const overShown = over.slice(Math.max(0, over.length - Math.max(0, room - busy.length)))
  const shown = [...overShown, ...busy].slice(-room)
  const names = shown.map(nameOf)
  const column = Math.min(24, Math.max(0, ...names.map((name) => name.length)))
  const rows = shown.map((one, i): Row => {
    const [mark, paint] = markOf(one, options)
    const took = formatClock((one.endedAt ?? now) - one.startedAt)
    const what = one.subgoal === undefined ? (one.agent ?? '') : one.subgoal.description
    return {
      mark,
      paint,
      text: `${pad(truncate(names[i] ?? '', column), column)}  ${took}  ${[stateOf(one, now), oneLine(what, 100)].filter((part) => part !== '').join(' · ')}`,
    }
  })
  const hidden = view.workers.length - shown.length
  return hidden === 0 ? rows : [{ mark: ' ', paint: style.dim, text: `… ${hidden} more`, all: true }, ...rows]
}

function nameOf(one: AgentView): string {
  return oneLine(one.subgoal === undefined ? one.role : `${one.role} ${one.subgoal.id}`, 24)
}

function stateOf(one: AgentView, now: number): string {
  if (one.state === 'waiting') {
    return one.resumesAt === undefined ? 'waits' : `again in ${formatClock(Math.max(0, one.resumesAt - now))}`
  }
  if (one.state === 'failed') return oneLine(one.outcome ?? 'failed', 20)
  return one.call > 1 ? `call ${one.call}` : ''
}

function markOf(one: AgentView, options: LiveOptions): readonly [string, (text: string) => string] {
  const { style } = options
  switch (one.state) {
    case 'running':
      return [spin(options), style.cyan]
    case 'waiting':
      return ['◌', style.yellow]
    case 'failed':
      return ['✗', style.red]
    case 'done':
      return ['✓', style.green]
  }
}

function foot(view: RunView, { now }: LiveOptions): string {
  const { caps, spend } = view
  const time = formatClock(view.startedAt === undefined ? 0 : now - view.startedAt)
  const parts = [caps.activeMs === undefined ? time : `${time}/${formatClock(caps.activeMs)}`]
  parts.push(`${spend.agentCalls}${caps.agentCalls === undefined ? '' : `/${caps.agentCalls}`} calls`)
  if (spend.tokens > 0 || caps.tokens !== undefined) {
    parts.push(`${formatCount(spend.tokens)}${caps.tokens === undefined ? '' : `/${formatCount(caps.tokens)}`} tokens`)
  }
  if (spend.microUsd > 0 || caps.microUsd !== undefined) {
    parts.push(`${formatMoney(spend.microUsd)}${caps.microUsd === undefined ? '' : `/${formatMoney(caps.microUsd)}`}`)
  }
  const eta = etaMs(view, now)
  if (eta !== undefined) parts.push(`at most ${formatClock(eta)} left`)
  return parts.join(' · ')
}

function spin({ now }: LiveOptions): string {
  return spinner[Math.floor(now / 100) % spinner.length] ?? '·'
}
