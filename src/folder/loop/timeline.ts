import { join } from 'node:path'
import { formatDuration } from '../../core/duration.ts'
import type { JournalEvent } from '../../core/event.ts'
import { formatMetric } from '../../core/metric.ts'
import { numberOf, objectOf, textOf } from '../../core/peek.ts'
import { oneLine } from '../../core/plain.ts'
import type { RunView } from '../../core/view.ts'
import { stageEvent } from './heartbeat.ts'
import { appendOwn, readOwn } from './own.ts'

/** A larger file is taken for one that nobody of us wrote. */
const mostBytes = 64 * 1024 * 1024
/** How much that could not be written is remembered, in characters. */
const mostOwed = 100_000

/**
 * A file of lines that only grows, each line once: behind each stands the run and the event it comes from, in a comment that no reader
 * of Markdown sees. So the file itself tells after a crash how far it came.
 */
export class LinesFile {
  readonly #path: string
  readonly #run: string
  #seq: number
  /** What could not be written yet. */
  #owed = ''

  /** @param lastSeq the last event of the run's journal: what claims to come after it is not believed */
  constructor(folder: string, name: string, run: { readonly id: string; readonly lastSeq: number }) {
    this.#path = join(folder, name)
    this.#run = run.id
    this.#seq = lastWritten(readOwn(this.#path, mostBytes) ?? '', run)
  }

  /** Appends the line of an event unless it is there. A line that could not be written is written with the next one. */
  append(seq: number, line: string): void {
    if (seq <= this.#seq) return
    this.#seq = seq
    this.#owed = `${this.#owed}${withoutComments(line)} <!-- ${this.#run} ${seq} -->\n`.slice(-mostOwed)
    appendOwn(this.#path, this.#owed)
    this.#owed = ''
  }
}

function lastWritten(text: string, run: { readonly id: string; readonly lastSeq: number }): number {
  let last = 0
  for (const [, id, seq] of text.matchAll(/<!-- (\S+) (\d{1,15}) -->$/gm)) {
    if (id === run.id && Number(seq) <= run.lastSeq) last = Math.max(last, Number(seq))
  }
  return last
}

function withoutComments(line: string): string {
  return line.replaceAll('<!--', '<! --').replaceAll('-->', '-- >')
}

/** What the timeline says of an event; undefined for what is no news. */
export function timelineLine(view: RunView, event: JournalEvent): string | undefined {
  if (event.kind === 'run_started')
    return `\n## ${stamp(event.ts)} run ${view.id}\n\n${oneLine(view.goal ?? '', 500)}\n\n- ${stamp(event.ts)} started`
  const said = say(view, event)
  return said === undefined ? undefined : `- ${stamp(event.ts)} ${oneLine(said, 700)}`
}

function say(view: RunView, event: JournalEvent): string | undefined {
  switch (event.kind) {
    case 'run_claimed':
      return event.epoch > 1 ? 'goes on' : undefined
    case 'iteration_started':
      return `round ${event.iteration} begins`
    case 'emitted':
      return emitted(view, event.name, event.data)
    case 'run_suspended':
      return `waits: ${event.reason}`
    case 'run_paused':
      return `paused: ${event.reason}`
    case 'run_stopped':
      return `stopped: ${event.reason}`
    case 'run_cancelled':
      return `cancelled: ${event.reason}`
    case 'run_killed':
      return `killed: ${event.reason}`
    case 'run_error':
    case 'run_failed':
      return `failed: ${event.error.message}`
    case 'run_finished': {
      const { completed, stop_reason } = objectOf(event.value)
      return completed === true ? 'complete: healthy' : `over: ${textOf(stop_reason) ?? 'not healthy'}`
    }
    default:
      return undefined
  }
}

function emitted(view: RunView, name: string, value: Parameters<typeof objectOf>[0]): string | undefined {
  const data = objectOf(value)
  switch (name) {
    case 'stage_finished': {
      const stage = stageEvent(value)
      if (stage === undefined) return undefined
      const what = stage.ok ? 'ok' : `FAILED: ${stage.error ?? 'no reason given'}`
      const log = stage.log === null ? '' : `, ${nearLog(stage.log)}`
      return `${stage.stage} ${what} (${formatDuration(stage.duration)}${log})`
    }
    case 'metric': {
      const value = numberOf(data.value)
      const shown = value === undefined ? 'could not be measured' : formatMetric(value)
      return `${textOf(data.name) ?? 'metric'} ${shown}, wanted ${textOf(data.wanted) ?? '?'}${data.ok === true ? ': met' : ''}`
    }
    case 'rolled_back':
      return `rolled back: ${textOf(data.because) ?? ''}`
    case 'lesson':
      return `learnt: ${textOf(data.text) ?? ''}`
    case 'blocked':
      return `blocked: ${textOf(data.reason) ?? ''}. ${textOf(data.what_to_do) ?? ''}`
    case 'warned':
      return `warning: ${textOf(data.text) ?? ''}`
    case 'round_finished': {
      const { verdict, consecutive_failures } = objectOf(data.item)
      const failures = numberOf(consecutive_failures) ?? 0
      const inRow = failures > 1 ? ` (${failures} failed in a row)` : ''
      return `round ${view.iteration} is over: ${words[textOf(verdict) ?? ''] ?? 'not healthy yet'}${inRow}`
    }
    default:
      return undefined
  }
}

/** A log as it is found from the folder, where it lies in it. */
function nearLog(path: string): string {
  return /(?:^|\/)(logs\/[^/]+\/[^/]+)$/.exec(path)?.[1] ?? path
}

const words: Readonly<Record<string, string>> = { complete: 'healthy', blocked: 'blocked' }

function stamp(ts: number): string {
  return new Date(ts).toISOString().slice(0, 19).replace('T', ' ')
}
