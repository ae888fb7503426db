import type {
  ReportCheck,
  ReportFacts,
  ReportLog,
  ReportPicture,
  ReportRound,
  ReportStage,
  ReportState,
} from './facts.ts'
import { type Content, type Html, html, rawHtml } from './html.ts'
import type { Room } from './room.ts'
import { amount, bytesOf, failureWords, moment, stateWords, took } from './words.ts'

/** With more rounds than this, only the last ones are open. */
const openRounds = 6
const mostRows = 200
const mostLines = 100

/** The rounds of a run, oldest first. */
export function roundsView(facts: ReportFacts, room: Room): Content {
  const word = facts.roundWord ?? 'iteration'
  if (facts.rounds.length === 0) return html`<p class="quiet">No ${word} has begun.</p>`
  const shown = facts.rounds.slice(-room.limits.rounds)
  const hidden = facts.rounds.length - shown.length
  // Newest first to the room there is: they matter most.
  const views = shown
    .map((round, at) => ({ round, open: at >= shown.length - openRounds }))
    .reverse()
    .map(({ round, open }) =>
      roundView(round, { word, open, room, named: (facts.metric?.name ?? 'metric').slice(0, 60) }),
    )
    .reverse()
  return html`${hidden > 0 && html`<p class="quiet">${hidden} earlier ones are not shown.</p>`}${views}`
}

interface Around {
  /** What the metric is called. */
  readonly named: string
  readonly word: string
  readonly open: boolean
  readonly room: Room
}

function roundView(round: ReportRound, { word, open, room, named }: Around): Html {
  const { state, startedAt, endedAt, metric } = round
  const meta = [
    metric === undefined ? undefined : `${named} ${amount(metric)}`,
    startedAt === undefined || endedAt === undefined ? undefined : took(endedAt - startedAt),
    startedAt === undefined ? undefined : moment(startedAt).slice(11),
  ].filter((part) => part !== undefined)
  const title = `${word.charAt(0).toUpperCase()}${word.slice(1)} ${round.number}`
  const empty =
    round.stages.length + round.checks.length === 0 && round.summary === undefined && round.review === undefined
  return html`<details class="round card"${rawHtml(open ? ' open' : '')}><summary><h3>${title}</h3>${pill(state, round.verdict ?? stateWords[state])}<span class="meta">${meta.join(' · ')}</span></summary>
<div class="inside">
${round.summary !== undefined && html`<p>${room.head(round.summary, 2000)}</p>`}
${empty && html`<p class="quiet">Nothing is recorded yet.</p>`}
${list('Stages', round.stages, (stage) => stageView(stage, room))}
${list('Checks', round.checks, (check) => checkView(check, room))}
${round.review && html`<h4>Review</h4><p class="small">${round.review.gates.map(({ name, open: passed }) => html`${pill(passed ? 'ok' : 'failed', `${passed ? '✓' : '✗'} ${name.replaceAll('_', ' ')}`)} `)}</p>${lines(round.review.issues, room)}`}
${(round.lessons?.length ?? 0) > 0 && html`<h4>Learnt</h4>${lines(round.lessons ?? [], room)}`}
${(round.screenshots?.length ?? 0) > 0 && html`<h4>Screenshots</h4><div class="shots">${(round.screenshots ?? []).slice(0, mostRows).map((picture) => pictureView(picture, room))}</div>`}
</div></details>
`
}

function list<Row>(title: string, rows: readonly Row[], view: (row: Row) => Html): Content {
  if (rows.length === 0) return undefined
  const left = rows.length - mostRows
  return html`<h4>${title}</h4><ul class="rows">${rows.slice(0, mostRows).map(view)}</ul>${left > 0 && html`<p class="quiet">and ${left} more</p>`}`
}

function lines(texts: readonly string[], room: Room): Content {
  if (texts.length === 0) return undefined
  return html`<ul class="small">${texts.slice(0, mostLines).map((text) => html`<li>${room.head(text, 2000)}</li>`)}</ul>`
}

function stageView(stage: ReportStage, room: Room): Html {
  const { name, state, detail, failure, error, findings = [], command, log, durationMs } = stage
  const inline = detail === undefined && command !== undefined && command.length <= 100
  return html`<li><div class="row">${mark(state)}<span><span class="name">${name}</span> ${detail !== undefined && html`<span class="quiet small">${room.head(detail, 300)}</span> `}${inline && html`<code class="quiet">${command}</code> `}${failure !== undefined && pill('failed', failureWords[failure] ?? failure)}</span><span class="time">${durationMs !== undefined && took(durationMs)}</span></div>
${more([error !== undefined && html`<p class="error">${room.head(error, 2000)}</p>`, lines(findings, room), command !== undefined && !inline && html`<p class="small"><code>${room.head(command, 1000)}</code></p>`, logView(log, room)])}</li>`
}

function checkView({ name, ok, exitCode, durationMs, error, log }: ReportCheck, room: Room): Html {
  const said = error ?? (ok || exitCode === null ? undefined : `exit code ${exitCode}`)
  return html`<li><div class="row">${mark(ok ? 'ok' : 'failed')}<code class="name">${room.head(name, 300)}</code><span class="time">${durationMs !== undefined && took(durationMs)}</span></div>
${more([said !== undefined && html`<p class="error">${room.head(said, 2000)}</p>`, logView(log, room)])}</li>`
}

function more(parts: readonly Content[]): Content {
  const there = parts.filter((part) => part !== undefined && part !== false)
  return there.length > 0 && html`<div class="more">${there}</div>`
}

function logView(log: ReportLog | undefined, room: Room): Content {
  if (log === undefined || (log.text.trim() === '' && log.path === undefined)) return undefined
  const text = room.tail(log.text.trimEnd())
  const size = log.bytes === undefined ? '' : `, ${bytesOf(log.bytes)} in all`
  return html`<details><summary>End of the log${size}</summary>${log.path !== undefined && html`<p class="small quiet mono">${log.path.slice(0, 500)}</p>`}<pre>${text === '' ? '(empty)' : text}</pre></details>`
}

const pngStart = [0x89, 0x50, 0x4e, 0x47]

function pictureView({ name, path, png, href }: ReportPicture, room: Room): Html {
  const real = png !== undefined && pngStart.every((byte, at) => png[at] === byte)
  const title = name.slice(0, 200)
  if (real && room.picture(png.length)) {
    // Base64 holds nothing that could end an attribute.
    const data = rawHtml(Buffer.from(png.buffer, png.byteOffset, png.byteLength).toString('base64'))
    return html`<figure><img src="data:image/png;base64,${data}" alt="${title}"><figcaption>${title}</figcaption></figure>`
  }
  const link = href === undefined ? undefined : relativeLink(href)
  const where =
    link === undefined
      ? html`<span class="mono">${path.slice(0, 500)}</span>`
      : html`<a href="${link}">${path.slice(0, 500)}</a>`
  return html`<figure><figcaption>${title}: ${where}</figcaption></figure>`
}

/** A path below the report as a link; undefined for all that could lead elsewhere. */
function relativeLink(path: string): string | undefined {
  const parts = path
    .toWellFormed()
    .split('/')
    .filter((part) => part !== '.')
  if (path.startsWith('/') || parts.some((part) => part === '' || part === '..')) return undefined
  return `./${parts.map(encodeURIComponent).join('/')}`
}

/** A state or the like, as a coloured word. */
export function pill(state: ReportState | 'warn', words: string): Html {
  return html`<span class="pill ${state}">${words.slice(0, 80)}</span>`
}

const marks: Readonly<Record<ReportState, string>> = {
  ok: '✓',
  failed: '✗',
  running: '…',
  skipped: '–',
  rolled_back: '↩',
}

function mark(state: ReportState): Html {
  return html`<span class="mark ${state}" role="img" aria-label="${stateWords[state]}">${marks[state]}</span>`
}
