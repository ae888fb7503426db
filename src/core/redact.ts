import type { Redact } from './ports.ts'

/** What stands where a secret stood. */
export const redacted = '[redacted]'

/** A value shorter than this is not treated as a secret: it would blank out ordinary words. */
const shortest = 8

/** Environment variables whose name says that the value is secret. */
const secretName = /(?:^|_)(?:API_?KEY|KEY|TOKEN|SECRET|PASSWORD|PASSWD|PASS|CREDENTIALS?|PAT|AUTH|COOKIE)(?:_|$|\d)/i

/** Names that only look like it: their values are places and numbers, which stand everywhere. */
const placeName = /_(?:SOCK|FILE|PATH|DIR|HOME|NAME|TTL|SIZE|COUNT|LENGTH)$/i

interface Shape {
  /** A text without any of these cannot hold the shape; looking for them is much cheaper. None: always look. */
  readonly hints: readonly string[]
  readonly shape: RegExp
  /** What stands there instead. */
  readonly by: string
}

/**
 * Shapes that are secrets wherever they stand. Each is linear on any input: what repeats is bounded, or cannot begin again
 * inside what it has just read.
 */
const shapes: readonly Shape[] = [
  // Complete key blocks; of one that was cut off, what looks like base64.
  {
    hints: ['-----BEGIN '],
    shape:
      /-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----(?:(?:[^-]|-(?!----)){0,20000}-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----|(?:[A-Za-z0-9+/=\s\\]{0,20000}))/g,
    by: redacted,
  },
  { hints: ['_live_', '_test_'], shape: /(?<![A-Za-z0-9])(?:sk|rk|pk)_(?:live|test)_[A-Za-z0-9]{10,}/g, by: redacted },
  { hints: ['sk-'], shape: /(?<![A-Za-z0-9])sk-(?=[A-Za-z_-]{0,60}\d)[A-Za-z0-9_-]{16,}/g, by: redacted },
  { hints: ['gh'], shape: /(?<![A-Za-z0-9])gh[pousr]_[A-Za-z0-9]{20,}/g, by: redacted },
  { hints: ['github_pat_'], shape: /(?<![A-Za-z0-9])github_pat_[A-Za-z0-9_]{20,}/g, by: redacted },
  { hints: ['glpat-'], shape: /(?<![A-Za-z0-9])glpat-[A-Za-z0-9_-]{20,}/g, by: redacted },
  { hints: ['xox'], shape: /(?<![A-Za-z0-9])xox[a-z]-[A-Za-z0-9-]{10,}/g, by: redacted },
  { hints: ['AKIA', 'ASIA'], shape: /(?<![A-Za-z0-9])A(?:KIA|SIA)[A-Z0-9]{16}(?![A-Za-z0-9])/g, by: redacted },
  { hints: ['AIza'], shape: /(?<![A-Za-z0-9])AIza[A-Za-z0-9_-]{35}/g, by: redacted },
  { hints: ['npm_'], shape: /(?<![A-Za-z0-9])npm_[A-Za-z0-9]{36}/g, by: redacted },
  { hints: ['hf_'], shape: /(?<![A-Za-z0-9])hf_[A-Za-z0-9]{30,}/g, by: redacted },
  { hints: ['gsk_', 'xai-'], shape: /(?<![A-Za-z0-9])(?:gsk_|xai-)[A-Za-z0-9]{30,}/g, by: redacted },
  {
    hints: ['eyJ'],
    shape:
      /(?<![A-Za-z0-9_-])((?:[A-Za-z0-9_-]{0,40}[_-])?)eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{4,}/g,
    by: `$1${redacted}`,
  },
  { hints: [], shape: /\b(bearer\s{1,4})(?=[A-Za-z._~+/=-]{0,60}\d)[A-Za-z0-9._~+/=-]{16,}/gi, by: `$1${redacted}` },
  // A password in a URL, as git remotes carry them.
  { hints: ['://'], shape: /(:\/\/[^\s/:@"'[\]]{0,64}:)[^\s/@"'[\]]{8,256}(?=@)/g, by: `$1${redacted}` },
]

/** What to take for a secret besides the well-known shapes. */
export interface RedactOptions {
  /** Known secrets; those shorter than 8 characters are ignored. */
  readonly values?: readonly string[]
  /** An environment, as data: the values of variables named like a secret (`…_KEY`, `…_TOKEN` …) are taken. */
  readonly env?: Readonly<Record<string, string | undefined>>
}

/**
 * Makes the function that takes secrets out of a text. Linear in the text. A text that is JSON stays JSON of the same
 * structure: only the insides of its strings change (and a number that is a secret becomes the string `[redacted]`).
 */
export function createRedact(options: RedactOptions = {}): Redact {
  const fromEnv = Object.entries(options.env ?? {})
    .filter(([name]) => secretName.test(name) && !placeName.test(name))
    .map(([, value]) => value ?? '')
  const values = [...new Set([...(options.values ?? []), ...fromEnv].map((value) => value.trim()))]
    .filter((value) => value.length >= shortest && !redacted.includes(value))
    .flatMap((value) => [...new Set([value, JSON.stringify(value).slice(1, -1), encode(value)])])
    // Longest first: a secret that holds another one goes as a whole.
    .sort((a, b) => b.length - a.length)

  const plain: Redact = (text) => {
    let clean = text
    for (const value of values) if (clean.includes(value)) clean = clean.replaceAll(value, redacted)
    for (const { hints, shape, by } of shapes) {
      if (hints.length === 0 || hints.some((hint) => clean.includes(hint))) clean = clean.replace(shape, by)
    }
    return clean
  }
  return (text) => {
    const clean = plain(text)
    if (clean === text || !isJson(text)) return clean
    return insideJson(text, plain)
  }
}

function encode(value: string): string {
  try {
    return encodeURIComponent(value)
  } catch {
    return value // a lone surrogate
  }
}

function isJson(text: string): boolean {
  if (!/^[\s]*["[{\d-]/.test(text)) return false
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

/** Redacts string by string, each decoded and encoded again, so that no quote or escape is ever cut in two. */
function insideJson(json: string, plain: Redact): string {
  const parts: string[] = []
  let at = 0
  while (at < json.length) {
    const open = json.indexOf('"', at)
    const outside = json.slice(at, open === -1 ? json.length : open)
    parts.push(outside.replace(/-?\d[\d.eE+-]*/g, (number) => (plain(number) === number ? number : `"${redacted}"`)))
    if (open === -1) break
    let close = open + 1
    while (json[close] !== '"') close += json[close] === '\\' ? 2 : 1
    const literal = json.slice(open, close + 1)
    const value = JSON.parse(literal) as string
    const clean = plain(value)
    parts.push(clean === value ? literal : JSON.stringify(clean))
    at = close + 1
  }
  return parts.join('')
}
