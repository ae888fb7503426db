/** A path as a gate reads it, or why it cannot be read. */
export type PathFacts =
  | {
      readonly path: string
      /** The ways it reads on a file system where letter case does not count. */
      readonly folded: readonly string[]
      /** Folders and file name, folded. */
      readonly names: readonly string[]
    }
  | { readonly path: string; readonly unclear: string }

const longest = 4096

/** Letters that look like Latin ones. A word that mixes them with Latin means to be read as another. */
const foreign =
  /[\p{Script=Cyrillic}\p{Script=Greek}\p{Script=Armenian}\p{Script=Cherokee}\p{Script=Coptic}\p{Script=Lisu}]/u
const latin = /\p{Script=Latin}/u
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for
const control = /[\u0000-\u001F\u007F-\u009F]/
const invisible =
  /\p{Cf}|\p{Zl}|\p{Zp}|\p{Co}|\p{Cn}|\p{Variation_Selector}|\u034F|[\u115F\u1160\u17B4\u17B5\u3164\uFFA0]/u

/** Looks at a path from the top of a repository. What is unclear must never pass for something harmless. */
export function pathFacts(path: string): PathFacts {
  const unclear = unclearBecause(path)
  if (unclear !== undefined) return { path, unclear }
  const lower = path.toLowerCase()
  const upper = path.toUpperCase().toLowerCase()
  return { path, folded: lower === upper ? [lower] : [lower, upper], names: upper.split('/') }
}

function unclearBecause(path: string): string | undefined {
  if (path.trim() === '') return 'it is empty'
  if (path.length > longest) return 'it is too long'
  if (control.test(path)) return 'it holds control characters'
  if (!path.isWellFormed() || path.includes('\uFFFD')) return 'it is not valid Unicode'
  if (/[\\:*?"<>|]/.test(path)) return 'it holds a character that not every file system knows'
  if (path.startsWith('/') || path.startsWith('~')) return 'it does not start at the top of the repository'
  if (invisible.test(path)) return 'it holds characters that cannot be seen'
  if (path !== path.normalize('NFKC')) return 'it can be written in another way'
  const names = path.split('/')
  if (names.some((name) => name === '' || name === '.' || name === '..')) return 'it has a part that names no file'
  if (names.some((name) => /^\s|[\s.]$/.test(name)))
    return 'a part of it begins or ends with a blank, or ends with a dot'
  if (names.some((name) => /~\d/.test(name))) return 'it may be the short form of another name'
  if (path.split(/[^\p{L}\p{M}\p{N}]+/u).some((word) => foreign.test(word) && latin.test(word)))
    return 'it mixes letters that look alike'
  return undefined
}
