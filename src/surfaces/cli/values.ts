import { parseDuration } from '../../core/duration.ts'
import { LoopwrightError } from '../../core/errors.ts'
import { wrong } from './problem.ts'

/** Reads a whole number of at least `least` for a flag; commander calls these with the text it was given. */
export function whole(flag: string, least = 1): (text: string) => number {
  return (text) => {
    const number = /^\d{1,15}$/.test(text.trim().replaceAll('_', '')) ? Number(text.trim().replaceAll('_', '')) : -1
    if (number >= least) return number
    return wrong(`${flag} takes a whole number of at least ${least}, not ${JSON.stringify(text.slice(0, 40))}`)
  }
}

/** Reads US dollars, as `5`, `$5` or `0.50`. */
export function money(flag: string): (text: string) => number {
  return (text) => {
    const number = /^\$?\d+(\.\d+)?$/.test(text.trim()) ? Number(text.trim().replace('$', '')) : 0
    if (number > 0 && number < 1e9) return number
    return wrong(`${flag} takes an amount in US dollars, not ${JSON.stringify(text.slice(0, 40))}`, 'for example 2.50')
  }
}

/** Reads a duration; answers seconds. */
export function duration(flag: string): (text: string) => number {
  return (text) => {
    try {
      return parseDuration(text)
    } catch (error) {
      if (!(error instanceof LoopwrightError)) throw error
      return wrong(`${flag}: ${error.message}`, error.hint)
    }
  }
}

/** Reads a duration or `never`, which is 0. */
export function durationOrNever(flag: string): (text: string) => number {
  const read = duration(flag)
  return (text) => (text.trim() === 'never' ? 0 : read(text))
}

/** Gathers a flag that may be given again. */
export function list(text: string, before: readonly string[] | undefined): readonly string[] {
  return [...(before ?? []), text]
}

/** Gathers `key=value` pairs. */
export function pairs(
  flag: string,
): (text: string, before: Readonly<Record<string, string>> | undefined) => Readonly<Record<string, string>> {
  return (text, before) => {
    const at = text.indexOf('=')
    if (at < 1) return wrong(`${flag} takes key=value, not ${JSON.stringify(text.slice(0, 40))}`)
    return { ...before, [text.slice(0, at)]: text.slice(at + 1) }
  }
}

/** One of a few words. */
export function choice(flag: string, words: readonly string[]): (text: string) => string {
  return (text) =>
    words.includes(text) ? text : wrong(`${flag} takes ${words.join(' or ')}, not ${JSON.stringify(text.slice(0, 40))}`)
}
