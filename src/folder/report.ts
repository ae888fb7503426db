import { createHash } from 'node:crypto'
import type { RunStatus } from '../core/ports.ts'
import { chart } from './report/chart.ts'
import { diffView } from './report/diff.ts'
import type { ReportFacts, ReportNote, ReportState } from './report/facts.ts'
import { type Content, type Html, html, rawHtml } from './report/html.ts'
import { type ReportLimits, Room } from './report/room.ts'
import { pill, roundsView } from './report/rounds.ts'
import { style } from './report/style.ts'
import { amount, dollars, moment, took } from './report/words.ts'

const mostNotes = 200
const mostFiles = 500

/**
 * The report of a run as one HTML page that needs nothing else: no script, no request, pictures inside. Whatever agents, pages and logs said is
 * escaped, and all of it is bounded; what does not fit is cut, the newest rounds last. Pure, and never throws.
 */
export function renderReport(facts: ReportFacts, limits: ReportLimits = {}): string {
  const room = new Room(limits)
  const { view } = facts
  const word = facts.roundWord ?? 'iteration'
  const plot = facts.metric && chart(facts.metric, word)
  const page = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>${titleOf(facts).slice(0, 100)} · ${view.id}</title>
<style>${rawHtml(style)}</style>
</head>
<body>
<main>
${header(facts, room)}
${plot && html`<h2>${room.head(facts.metric?.name ?? '', 100)}</h2><figure class="trajectory card">${plot}<figcaption>${legend(facts)}</figcaption></figure>`}
<h2>${word === 'round' ? 'Rounds' : 'Iterations'}</h2>
${roundsView(facts, room)}
${notes(facts, room)}
${changes(facts, room)}
${outcome(facts, room)}
<footer>loopwright · run ${view.id} · written ${moment(facts.generatedAt)} UTC</footer>
</main>
</body>
</html>
`
  return page.text
}

// Only our own style, and pictures that are inside.
const styleHash = createHash('sha256').update(style).digest('base64')
const policy = rawHtml(
  `default-src 'none'; style-src 'sha256-${styleHash}'; img-src data:; base-uri 'none'; form-action 'none'`,
)

function titleOf({ view, title }: ReportFacts): string {
  return (view.goal ?? title ?? '').trim() || `A run of ${view.loop}`
}

const stateOf: Readonly<Record<RunStatus, ReportState | 'warn'>> = {
  queued: 'skipped',
  running: 'running',
  waiting: 'warn',
  paused: 'warn',
  done: 'ok',
  stopped: 'warn',
  failed: 'failed',
  cancelled: 'skipped',
  killed: 'failed',
}

function header(facts: ReportFacts, room: Room): Html {
  const { view, result } = facts
  const goal = titleOf(facts)
  const status = result.status as RunStatus
  // A loop can be over without having reached anything.
  const state = status === 'done' && !result.completed ? 'failed' : (stateOf[status] ?? 'skipped')
  const said = status === 'done' ? (result.completed ? 'completed' : 'ended, not completed') : status
  const reason = result.stop_reason === result.status ? undefined : result.stop_reason.replaceAll('_', ' ')
  const error = view.error?.message
  return html`<header>
<p class="over">${view.kind} loop${view.loop !== view.kind && ` · ${view.loop.slice(0, 100)}`}</p>
<h1>${room.head(goal.length > 280 ? `${goal.slice(0, 280)}…` : goal)}</h1>
${goal.length > 280 && html`<details class="small"><summary>All of it</summary><pre>${room.head(goal, 100_000)}</pre></details>`}
<div class="status">${pill(state, said)}${reason !== undefined && html`<span>${room.head(reason, 500)}</span>`}</div>
${error !== undefined && html`<p class="error">${room.head(error, 2000)}</p>${view.error?.hint !== undefined && html`<p class="small">${room.head(view.error.hint, 1000)}</p>`}`}
${factsView(facts)}
</header>`
}

function factsView(facts: ReportFacts): Html {
  const { view, result, roundWord = 'iteration' } = facts
  const { caps, startedAt, updatedAt } = view
  const { spend } = result
  const of = (cap: number | undefined) => cap !== undefined && html` <span class="quiet">of ${amount(cap)}</span>`
  const rows: readonly (readonly [string, Content] | undefined)[] = [
    [roundWord === 'round' ? 'Rounds' : 'Iterations', html`${amount(result.iterations)}${of(caps.iterations)}`],
    startedAt === undefined ? undefined : ['Took', took(updatedAt - startedAt)],
    ['At work', took(spend.active_seconds * 1000)],
    ['Agent calls', html`${amount(spend.agent_calls)}${of(caps.agentCalls)}`],
    ['Tokens', html`${amount(spend.tokens)}${of(caps.tokens)}`],
    [
      'Cost',
      html`${dollars(spend.cost_usd)}${caps.microUsd !== undefined && html` <span class="quiet">of ${dollars(caps.microUsd / 1e6)}</span>`}`,
    ],
    result.workspace === null
      ? undefined
      : ['Files changed', amount(result.workspace.changed_count ?? result.workspace.changed_files.length)],
  ]
  const wide: readonly (readonly [string, string | undefined | null])[] = [
    ['Run', view.id],
    ['Started', startedAt === undefined ? undefined : `${moment(startedAt)} UTC`],
    ['Branch', result.workspace?.branch],
    ['Forked from', view.forkedFrom],
  ]
  return html`<dl class="facts card">${rows.map((row) => row && html`<div><dt>${row[0]}</dt><dd>${row[1]}</dd></div>`)}${wide.map(([name, value]) => value && html`<div class="wide"><dt>${name}</dt><dd class="mono">${value.slice(0, 200)}</dd></div>`)}</dl>`
}

function legend({ metric, roundWord = 'iteration' }: ReportFacts): string {
  const points = metric?.points.filter(({ value }) => Number.isFinite(value)) ?? []
  const from = points[0]
  const to = points.findLast(({ kept }) => kept)
  const back = points.filter(({ kept }) => !kept).length
  return [
    from !== undefined && to !== undefined && from !== to
      ? `From ${amount(from.value)} in ${roundWord} ${from.round} to ${amount(to.value)} in ${roundWord} ${to.round}.`
      : '',
    back === 0
      ? ''
      : `${back === 1 ? `One ${roundWord}, a cross, was` : `${back} ${roundWord}s, crosses, were`} rolled back.`,
  ]
    .filter((part) => part !== '')
    .join(' ')
}

function notes({ view, notes: more = [] }: ReportFacts, room: Room): Content {
  const all: readonly ReportNote[] = [...view.warnings, ...more].toSorted((a, b) => a.at - b.at).slice(-mostNotes)
  if (all.length === 0) return undefined
  return html`<h2>Of note</h2><ul class="notes card">${all.map(({ at, text }) => html`<li><time>${moment(at)}</time><span>${room.head(text, 1000)}</span></li>`)}</ul>`
}

function changes({ result, diff }: ReportFacts, room: Room): Content {
  const files = result.workspace?.changed_files ?? []
  if (files.length === 0 && (diff ?? '').trim() === '') return undefined
  const shown = diff === undefined ? '' : room.head(diff, room.limits.diff)
  const names = files.slice(0, mostFiles)
  const left = files.length - names.length
  const body =
    shown.trim() === ''
      ? html`<ul>${names.map((file) => html`<li><code>${file.slice(0, 500)}</code></li>`)}</ul>${left > 0 && html`<p class="quiet">and ${left} more</p>`}`
      : diffView(shown, shown.length < (diff ?? '').length)
  return html`<h2>Changes</h2><div class="panel card">${body}</div>`
}

function outcome({ result }: ReportFacts, room: Room): Content {
  const text = result.final_output.trim()
  if (text === '') return undefined
  const body = html`<pre>${room.tail(text, 40_000)}</pre>`
  const long = html`<details><summary>${amount(text.length)} characters</summary>${body}</details>`
  return html`<h2>Outcome</h2><div class="panel card">${text.length < 2000 ? body : long}</div>`
}
