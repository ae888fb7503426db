import { oneLine } from '../../core/plain.ts'
import { requireSmall } from './bounds.ts'
import { lower } from './budget.ts'
import { headingOf, linesOf, wordsOf } from './markdown.ts'

/** A `loop-constraints.md`, read. */
export interface Constraints {
  /** Its rules, one a line, as agents are given them. */
  readonly rules: readonly string[]
  /** Limits it states beyond doubt; of several the tightest. They may only tighten what holds without them. */
  readonly limits: {
    readonly maxAttempts?: number
    readonly maxFiles?: number
    /** The share of the day's tokens from which on a loop only reports; 0 to 1. */
    readonly reportOnlyAt?: number
  }
}

const mostRules = 200
const longest = 500

const most = String.raw`(?:\bmax(?:imum)?\.?(?: of)?|\bat most|\bno more than|\bup to)`
const attempts = [
  new RegExp(String.raw`${most} (\d{1,4}) (?:[a-z-]+ ){0,2}(?:attempts?|tries|retries)\b`, 'i'),
  new RegExp(
    String.raw`${most} (?:[a-z-]+ ){0,2}(?:attempts?|tries)(?: per \w+| for each \w+)?:? (\d{1,4})(?![\d.%])`,
    'i',
  ),
]
const files = [
  new RegExp(String.raw`${most} (\d{1,6}) (?:changed |modified )?files\b`, 'i'),
  new RegExp(String.raw`${most} (?:changed |modified )?files(?: per \w+)?:? (\d{1,6})(?![\d.%])`, 'i'),
]
const reportOnly = /(?:\bat|≥|>=|\babove|\bover|\breach(?:es)?|\bhits?|\bfrom) (\d{1,3}) ?% .{0,80}report[- ]only/i

/** Reads the rules of a `loop-constraints.md`. Any text can be read; throws `bad_input` only for more than 1 MiB. */
export function parseConstraints(text: string, path = 'loop-constraints.md'): Constraints {
  requireSmall(text, path, 'rules are read by agents each time: keep them short')
  const rules: string[] = []
  let under = ''
  for (const line of linesOf(text)) {
    if (rules.length >= mostRules) break
    const heading = headingOf(line)
    if (heading !== undefined) under = heading.level === 1 ? '' : oneLine(wordsOf(heading.title), 80)
    const words = oneLine(line.visible, longest + 20).replace(/^(?:(?:[-*+>]|\d{1,9}[.)]) )+(?:\[[ xX]\] )?/, '')
    if (heading !== undefined || !/[\p{L}\d]/u.test(words)) continue
    rules.push(oneLine(under === '' ? words : `${under}: ${words}`, longest))
  }
  const plain = rules.map(wordsOf).filter((rule) => !/\bnot\b.{0,20}\bmax|\bno max/i.test(rule))
  const maxAttempts = tightest(plain, attempts)
  const maxFiles = tightest(plain, files)
  const percent = tightest(plain, [reportOnly])
  return {
    rules,
    limits: {
      ...(maxAttempts === undefined || maxAttempts < 1 ? {} : { maxAttempts }),
      ...(maxFiles === undefined || maxFiles < 1 ? {} : { maxFiles }),
      ...(percent === undefined || percent > 100 ? {} : { reportOnlyAt: percent / 100 }),
    },
  }
}

function tightest(rules: readonly string[], shapes: readonly RegExp[]): number | undefined {
  let found: number | undefined
  for (const rule of rules)
    for (const shape of shapes) {
      const stated = shape.exec(rule)?.[1]
      if (stated !== undefined) found = lower(found, Number(stated))
    }
  return found
}
