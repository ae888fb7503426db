/** How much of an agent's text is kept for the journal; all of it stands in the output file. */
export const textLimit = 64 * 1024

/** Keeps the beginning and the end of a text too long to keep whole, and says how much is missing. Never cuts a character in two. */
export function bound(text: string, limit: number = textLimit): string {
  if (text.length <= limit) return text
  const half = Math.floor(limit / 2)
  const head = text.slice(0, isHighSurrogate(text, half - 1) ? half - 1 : half)
  const from = text.length - half
  const tail = text.slice(isHighSurrogate(text, from - 1) ? from + 1 : from)
  return `${head}\n… [${text.length - head.length - tail.length} characters left out] …\n${tail}`
}

/** The last `limit` characters at most, for messages. */
export function lastOf(text: string, limit: number): string {
  const trimmed = text.trim()
  if (trimmed.length <= limit) return trimmed
  const from = trimmed.length - limit + 1
  return `…${trimmed.slice(isHighSurrogate(trimmed, from - 1) ? from + 1 : from)}`
}

function isHighSurrogate(text: string, at: number): boolean {
  const code = text.charCodeAt(at)
  return code >= 0xd800 && code <= 0xdbff
}
