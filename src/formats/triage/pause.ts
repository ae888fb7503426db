import type { Line } from './markdown.ts'

const yes = /^(?:is[ \t]+)?(?:true|yes|on|1|set|active|enabled|paused)\b/i
const no = /^(?:is[ \t]+)?(?:false|no|off|0|none|never|unset|not set|clear|cleared|inactive|disabled|removed|null)\b/i

/**
 * The first line that pauses all loops, from 1. The flag counts where a line begins with it: `loop-pause-all` alone, as a heading or an
 * item of a list, with a ticked box, with a value (`: true`, any but false, off, no, none, 0 …) or with a remark behind a dash or in
 * brackets. An open box, a sentence that goes on, a flag in `code` with an explanation behind it, quotes, comments and fenced blocks set
 * nothing: there somebody says how it is used.
 */
export function pausedLine(lines: readonly Line[]): number | undefined {
  const at = lines.findIndex(({ visible }) => isFlag(visible.trimStart().slice(0, 2000)))
  return at < 0 ? undefined : at + 1
}

function isFlag(written: string): boolean {
  // Some editors make other hyphens of it.
  const line = written.replace(/[\u2010\u2011]/g, '-')
  if (!/loop-pause-all/i.test(line)) return false
  const plain = line
    .trim()
    .replace(/^(?:[-*+][ \t]+|\d{1,9}[.)][ \t]+|#{1,6}[ \t]+)+/, '')
    .replace(/^\[[xX]\][ \t]*/, '')
    .replace(/\*|__/g, '')
  const code = plain.startsWith('`')
  const match = /^loop-pause-all(?![\w-])[ \t]*(.*)$/i.exec(code ? plain.slice(1).replace('`', '') : plain)
  if (match === null) return false
  const rest = (match[1] ?? '').trim()
  if (/^[.!:=]*$/.test(rest)) return true
  const said = /^(?:[:=(—–]|--?[ \t])[ \t"'(`]*(.*)$/.exec(rest)?.[1]
  if (said === undefined) return yes.test(rest) && rest.length < 20
  return yes.test(said) || !(no.test(said) || code)
}
