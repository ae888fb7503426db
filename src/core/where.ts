import { LoopwrightError } from './errors.ts'
import { nearest } from './nearest.ts'
import { objectOf, textOf } from './peek.ts'
import type { RunRecord, RunStatus } from './ports.ts'

/** Every status, and `interrupted`: running under a driver that is dead. */
export const shownStatuses: readonly (RunStatus | 'interrupted')[] = [
  'queued',
  'running',
  'waiting',
  'paused',
  'stopped',
  'done',
  'failed',
  'cancelled',
  'killed',
  'interrupted',
]

/** A run as filters see it: its row, with `status` as people see it. */
export type Shown = Omit<RunRecord, 'status'> & { readonly status: string }

const fields: Readonly<Record<string, (run: Shown) => string | undefined>> = {
  status: (run) => run.status,
  reason: (run) => run.reason,
  kind: (run) => run.kind,
  loop: (run) => run.loop,
  project: (run) => run.project,
  name: (run) => textOf(objectOf(run.spec).name),
  agent: (run) => textOf(objectOf(run.spec).agent),
  model: (run) => textOf(objectOf(run.spec).model),
}

/**
 * Reads a filter such as `status=done,failed kind!=goal label.team=web`: conditions joined by blanks, values by commas.
 * Throws `bad_input`.
 */
export function parseWhere(text: string): (run: Shown) => boolean {
  const tests = text
    .trim()
    .split(/\s+/)
    .filter((part) => part !== '')
    .map(condition)
  if (tests.length === 0) throw bad('the filter is empty')
  return (run) => tests.every((test) => test(run))
}

function condition(part: string): (run: Shown) => boolean {
  const [, key = '', operator, list = ''] = /^([\w.-]+)(!?=)(.+)$/.exec(part) ?? []
  if (operator === undefined) throw bad(`${JSON.stringify(part.slice(0, 60))} is not a condition`)
  const values = list.split(',')
  const label = key.startsWith('label.') ? key.slice('label.'.length) : undefined
  const read = Object.hasOwn(fields, key) ? fields[key] : undefined
  if (label === undefined && read === undefined) {
    const near = nearest(key, Object.keys(fields))
    throw bad(`a run has no ${JSON.stringify(key)}`, near === undefined ? undefined : `did you mean ${near}?`)
  }
  if (key === 'status') {
    for (const value of values) {
      if (shownStatuses.some((status) => status === value)) continue
      const near = nearest(value, shownStatuses)
      throw bad(
        `no run has the status ${JSON.stringify(value)}`,
        near === undefined ? `one of: ${shownStatuses.join(', ')}` : `did you mean ${near}?`,
      )
    }
  }
  return (run) => {
    const is = label === undefined ? read?.(run) : Object.hasOwn(run.labels, label) ? run.labels[label] : undefined
    return (is !== undefined && values.includes(is)) === (operator === '=')
  }
}

function bad(message: string, hint = 'for example: --where "status=done kind=goal label.team=web"'): LoopwrightError {
  return new LoopwrightError('bad_input', message, { hint })
}
