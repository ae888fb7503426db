import type { VerifierAnswer } from '../../core/triage/decide.ts'

/** Lines that are longer are no verdict. */
const longestLine = 400
/** So much of an answer is read; what is longer is no answer. */
const longestAnswer = 1_000_000

/**
 * The verdict in a verifier's answer; undefined where there is none. It stands in the last line, the first, or before the evidence:
 * what is quoted further on is not the verifier's own word. Several that differ, and anything but the three words, are a REJECT.
 */
export function readVerifier(text: string): VerifierAnswer | undefined {
  if (text.length > longestAnswer) return undefined
  const lines = text.split('\n').map((line) => line.trim())
  const said = lines.flatMap((line, at) => {
    const word = verdictIn(line)
    return word === undefined ? [] : [{ word, at }]
  })
  const [first] = said
  if (first === undefined) return undefined
  const rest = lines.filter((line) => verdictIn(line) === undefined)
  const heading = rest.findIndex((line) => evidenceIn(line) !== undefined)
  const after = heading < 0 ? rest : [evidenceIn(rest[heading] ?? '') ?? '', ...rest.slice(heading + 1)]
  const evidence = after.join(' ').replace(/\s+/g, ' ').trim().slice(0, 1000)
  const reject = (why: string): VerifierAnswer => ({ word: 'REJECT', evidence: `${why} ${evidence}`.trim() })
  if (said.some(({ word }) => word !== first.word)) return reject('it gave several verdicts.')
  const { word } = first
  if (word !== 'APPROVE' && word !== 'REJECT' && word !== 'ESCALATE_HUMAN')
    return reject(`${word.slice(0, 80) || 'nothing'} is no verdict.`)
  const filled = lines.flatMap((line, at) => (line === '' ? [] : [at]))
  const evidenceAt = lines.findIndex((line) => evidenceIn(line) !== undefined)
  const own = said.some(({ at }) => at === filled.at(-1) || at === filled[0] || at < evidenceAt)
  return own ? { word, evidence } : reject('its verdict stands within its evidence.')
}

/** What a line gives as the verdict: the word, or what stands there in its place. */
function verdictIn(line: string): string | undefined {
  const [, rest] = /^[#*_>\s]{0,20}verdict[*_]{0,3}\s{0,5}:(.*)$/i.exec(line.slice(0, longestLine)) ?? []
  return rest === undefined ? undefined : bare(rest).toUpperCase()
}

function evidenceIn(line: string): string | undefined {
  return /^[#*_\s]{0,20}evidence[*_]{0,3}(?:\s{0,5}:|\s{0,5}$)[*_\s]{0,5}(.*)$/i.exec(line.slice(0, 2000))?.[1]
}

/** A word without the marks of Markdown around it. */
function bare(text: string): string {
  const marks = new Set(' \t*_`.')
  let [from, to] = [0, text.length]
  while (from < to && marks.has(text[from] ?? '')) from++
  while (to > from && marks.has(text[to - 1] ?? '')) to--
  return text.slice(from, to)
}
