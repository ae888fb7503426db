/**
 * Untrusted text made safe for a terminal: escape sequences, control characters (but line breaks and tabs), and characters that
 * turn the direction of text are taken out; a lone surrogate becomes U+FFFD. For everything that agents, files or goals say.
 */
export function plainText(text: string): string {
  return text.replace(sequences, '').replace(/\r\n?/g, '\n').replace(controls, '').toWellFormed()
}

/** Untrusted text on one line of at most `max` columns. */
export function oneLine(text: string, max = 120): string {
  // A goal may be a megabyte: what cannot be shown is not worked on.
  return truncate(
    plainText(text.slice(0, max * 8 + 1000))
      .replace(/\s+/g, ' ')
      .trim(),
    max,
  )
}

// OSC, DCS, SOS, PM, APC with their text, unended ones up to the line's end; then CSI; then two-character escapes.
const sequences = new RegExp(
  [
    '(?:\\u001B[\\]PX^_]|[\\u009D\\u0090\\u0098\\u009E\\u009F])[^\\u0007\\u001B\\u009C\\n]*(?:\\u0007|\\u001B\\\\|\\u009C)?',
    '(?:\\u001B\\[|\\u009B)[0-?]*[ -/]*[@-~]?',
    '\\u001B[ -/]*[0-~]?',
  ].join('|'),
  'g',
)
const controls =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what it takes out
  /[\u0000-\u0008\u000B-\u001F\u007F-\u009F\u061C\u200E\u200F\u2028\u2029\u202A-\u202E\u2066-\u2069\uFEFF]/g

const graphemes = new Intl.Segmenter('en', { granularity: 'grapheme' })
const ascii = /^[\u0020-\u007E]*$/
const wide =
  /^(?:\p{Emoji_Presentation}|\p{Extended_Pictographic}\uFE0F|[\u1100-\u115F\u2E80-\u303E\u3041-\uA4CF\uA960-\uA97F\uAC00-\uD7A3\uF900-\uFAFF\uFE30-\uFE6F\uFF00-\uFF60\uFFE0-\uFFE6\u{1F300}-\u{1FAFF}\u{20000}-\u{3FFFD}])/u
const nothing = /^[\p{Mark}\p{Cf}]+$/u

/** Columns a text takes in a terminal (no escape sequences in it). */
export function displayWidth(text: string): number {
  if (ascii.test(text)) return text.length
  let width = 0
  for (const { segment } of graphemes.segment(text)) width += widthOf(segment)
  return width
}

/** A text of at most `max` columns, with `…` where something was cut off. */
export function truncate(text: string, max: number): string {
  if (max <= 0) return ''
  if (text.length <= max && ascii.test(text)) return text
  let width = 0
  let fitting = ''
  for (const { segment } of graphemes.segment(text)) {
    const next = width + widthOf(segment)
    if (next > max) return cut(fitting, max)
    fitting += segment
    width = next
  }
  return text
}

/** A text filled with blanks to `columns`. */
export function pad(text: string, columns: number): string {
  return text + ' '.repeat(Math.max(0, columns - displayWidth(text)))
}

function cut(fitting: string, max: number): string {
  let kept = [...graphemes.segment(fitting)].map(({ segment }) => segment)
  while (displayWidth(kept.join('')) > max - 1) kept = kept.slice(0, -1)
  return `${kept.join('')}…`
}

function widthOf(grapheme: string): number {
  if (nothing.test(grapheme)) return 0
  return wide.test(grapheme) ? 2 : 1
}
