import { LoopwrightError } from './errors.ts'

const ends: Readonly<Record<string, string>> = { "'": 'single quote', '"': 'double quote' }

/**
 * Splits a command line into words the way a POSIX shell would, without running one: quotes and backslashes work, and nothing
 * is expanded. Throws `bad_input` for an unbalanced quote, an empty command, and for what only a shell could do.
 * @example splitCommand('npm test -- "a b"') // ['npm', 'test', '--', 'a b']
 */
export function splitCommand(line: string): string[] {
  if (line.includes('\0')) throw new LoopwrightError('bad_input', 'a command cannot contain a NUL character')
  const text = line.trim()
  const words: string[] = []
  let word: string | undefined
  let quote: '"' | "'" | undefined
  for (let at = 0; at < text.length; at++) {
    const char = text.charAt(at)
    const next = text.charAt(at + 1)
    if (quote === "'") {
      if (char === "'") quote = undefined
      else word = (word ?? '') + char
    } else if (quote === '"') {
      if (char === '"') quote = undefined
      else if (char === '\\' && next === '\n') at++
      else if (char === '\\' && '"\\$`'.includes(next) && next !== '') {
        word = (word ?? '') + next
        at++
      } else {
        const operator = expansionAt(text, at)
        if (operator !== undefined) throw needsShell(operator, text)
        word = (word ?? '') + char
      }
    } else if (char === "'" || char === '"') {
      quote = char
      word ??= ''
    } else if (char === '\\') {
      if (next === '') throw new LoopwrightError('bad_input', `the command ends with a backslash: ${shorten(text)}`)
      if (next !== '\n') word = (word ?? '') + next
      at++
    } else if (char === ' ' || char === '\t' || char === '\r') {
      if (word !== undefined) words.push(word)
      word = undefined
    } else {
      const operator = operatorAt(text, at)
      if (operator !== undefined) throw needsShell(operator, text)
      word = (word ?? '') + char
    }
  }
  if (quote !== undefined)
    throw new LoopwrightError('bad_input', `unbalanced ${ends[quote]} in the command: ${shorten(text)}`, {
      hint: 'close the quote, or put a backslash before it if it is meant as a character',
    })
  if (word !== undefined) words.push(word)
  const first = words[0]
  if (first === undefined || first === '')
    throw new LoopwrightError('bad_input', 'the command is empty', { hint: 'for example: npm test' })
  if (/^[A-Za-z_]\w*=/.test(first)) throw needsShell(first.slice(0, first.indexOf('=') + 1), text)
  return words
}

function expansionAt(text: string, at: number): string | undefined {
  const char = text.charAt(at)
  if (char === '`') return '`'
  if (char !== '$') return undefined
  const next = text.charAt(at + 1)
  if (next === '(' || next === '{') return `$${next}`
  return /^\$[A-Za-z_]\w*/.exec(text.slice(at, at + 80))?.[0]
}

function operatorAt(text: string, at: number): string | undefined {
  const char = text.charAt(at)
  if (char === '\n') return 'a line break'
  if ('|&<>;'.includes(char)) return text.charAt(at + 1) === char ? char + char : char
  if (char === '*') return '*'
  return expansionAt(text, at)
}

function needsShell(operator: string, text: string): LoopwrightError {
  const shown = operator.startsWith('a ') ? operator : `\`${operator}\``
  const quoted = operator === '`' ? 'a backtick' : shown
  return new LoopwrightError(
    'bad_input',
    `${quoted} needs a shell, and this command runs without one: ${shorten(text)}`,
    {
      hint: `write \`shell: ${shorten(text)}\` to run it in a shell, or put single quotes around ${quoted} to pass it as it is`,
    },
  )
}

function shorten(text: string): string {
  return text.length > 80 ? `${text.slice(0, 79)}…` : text
}
