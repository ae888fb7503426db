import { LoopwrightError } from '../core/errors.ts'

const needsShell = /[|<>&;`*()]|\$/

/**
 * Splits a command line into argv by the POSIX shell's rules for blanks, quotes and backslashes, without running anything.
 * Throws `bad_input` for an empty line, an unbalanced quote, and for unquoted characters that only a shell understands.
 */
export function splitCommand(text: string): string[] {
  const argv: string[] = []
  let word: string | undefined
  for (let at = 0; at < text.length; at++) {
    const char = text.charAt(at)
    if (char === "'") {
      const end = text.indexOf("'", at + 1)
      if (end < 0) throw unbalanced(text, "'", at)
      word = (word ?? '') + text.slice(at + 1, end)
      at = end
    } else if (char === '"') {
      const [inside, end] = doubleQuoted(text, at)
      word = (word ?? '') + inside
      at = end
    } else if (char === '\\') {
      at++
      if (at >= text.length) throw bad(text, 'it ends in a backslash', 'write two backslashes for one, or remove it')
      if (text.charAt(at) !== '\n') word = (word ?? '') + text.charAt(at)
    } else if (/\s/.test(char)) {
      if (word !== undefined) argv.push(word)
      word = undefined
    } else if (needsShell.test(char)) {
      throw bad(
        text,
        `unquoted ${char} at column ${at + 1} needs a shell`,
        `use \`shell:\` for this command, or quote the ${char} to pass it as it is`,
      )
    } else {
      word = (word ?? '') + char
    }
  }
  if (word !== undefined) argv.push(word)
  if (argv.length === 0) throw new LoopwrightError('bad_input', 'empty command')
  return argv
}

function doubleQuoted(text: string, from: number): [inside: string, end: number] {
  let inside = ''
  for (let at = from + 1; at < text.length; at++) {
    const char = text.charAt(at)
    if (char === '"') return [inside, at]
    const next = text.charAt(at + 1)
    if (char === '\\' && next !== '' && '"\\$`\n'.includes(next)) {
      if (next !== '\n') inside += next
      at++
    } else {
      inside += char
    }
  }
  throw unbalanced(text, '"', from)
}

function unbalanced(text: string, quote: string, at: number): LoopwrightError {
  return bad(
    text,
    `the ${quote} at column ${at + 1} is never closed`,
    `close it, or write \\${quote} for the character itself`,
  )
}

function bad(text: string, what: string, hint: string): LoopwrightError {
  const shown = text.length > 200 ? `${text.slice(0, 200)}…` : text
  return new LoopwrightError('bad_input', `cannot split the command \`${shown}\`: ${what}`, { hint })
}
