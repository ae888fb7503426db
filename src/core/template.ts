import type { BrowserPlay } from './browser.ts'
import { LoopwrightError } from './errors.ts'
import type { CommandSpec } from './ports.ts'

/** The variables a command may hold, as `{round}`. */
export const templateNames = ['workspace', 'project_root', 'round', 'last_error'] as const
export type TemplateValues = Readonly<Record<(typeof templateNames)[number], string>>

/** A brace after a `$` is the shell's own. */
const variable = new RegExp(`(?<!\\$)\\{(${templateNames.join('|')})\\}`, 'g')

/**
 * Puts the variables into a command. In the words of a command without a shell they stand as they are; in a shell line each is quoted
 * as its place asks for, so that what a program printed is never read as a command. Throws `bad_input` for one inside of
 * backticks, `$'…'` or a here-document, where nothing can be quoted safely.
 */
export function fillCommand(command: CommandSpec, values: TemplateValues): CommandSpec {
  const { argv, shell, env } = command
  const plain = (text: string) => text.replace(variable, (_, key: keyof TemplateValues) => clean(values[key]))
  return {
    ...command,
    ...(argv === undefined ? {} : { argv: argv.map(plain) }),
    ...(shell === undefined ? {} : { shell: fillShell(shell, values) }),
    ...(env === undefined ? {} : { env: Object.fromEntries(Object.entries(env).map(([k, v]) => [k, plain(v)])) }),
  }
}

/** The variables an address may hold. */
const inAddress = /(?<!\$)\{(workspace|project_root|round)\}/g

/** Puts the variables into the addresses of a play, where they are encoded, and into the command of its server. Throws as `fillCommand` does. */
export function fillPlay(play: BrowserPlay, values: TemplateValues): BrowserPlay {
  const address = (text: string) =>
    text.replace(inAddress, (_, key: keyof TemplateValues) =>
      clean(values[key]).split('/').map(encodeURIComponent).join('/'),
    )
  const { url, serve, steps } = play
  return {
    ...play,
    ...(url === undefined ? {} : { url: address(url) }),
    ...(serve === undefined ? {} : { serve: fillCommand(serve, values) }),
    steps: steps.map((step) => ('open' in step ? { open: address(step.open) } : step)),
  }
}

type Place = 'plain' | 'single' | 'double' | 'comment'

function fillShell(line: string, values: TemplateValues): string {
  if (line.search(variable) < 0) return line
  let text = ''
  let place: Place = 'plain'
  /** What stands around a `$(…)`. */
  const around: Place[] = []
  let at = 0
  while (at < line.length) {
    const char = line[at] ?? ''
    variable.lastIndex = at
    const match = char === '{' ? variable.exec(line) : null
    if (match?.index === at) {
      text += quoted(clean(values[match[1] as keyof TemplateValues]), place)
      at = variable.lastIndex
      continue
    }
    const rest = line.slice(at, at + 2)
    if (place === 'single') {
      if (char === "'") place = 'plain'
    } else if (place === 'comment') {
      if (char === '\n') place = 'plain'
    } else if (char === '\\') {
      text += rest
      at += 2
      continue
    } else if (char === '`' || rest === "$'" || (place === 'plain' && rest === '<<')) {
      throw new LoopwrightError(
        'bad_input',
        `a variable cannot be put safely into this command: ${line.slice(0, 200)}`,
        {
          hint: 'use the environment variables (LOOPWRIGHT_LAST_ERROR …) instead, or no backticks and no here-document',
        },
      )
    } else if (rest === '$(') {
      around.push(place)
      place = 'plain'
      text += rest
      at += 2
      continue
    } else if (char === '"') place = place === 'double' ? 'plain' : 'double'
    else if (place === 'plain') {
      if (char === "'") place = 'single'
      else if (char === ')') place = around.pop() ?? 'plain'
      else if (char === '#' && /^$|[\s;&|(]$/.test(line.slice(Math.max(0, at - 1), at))) place = 'comment'
    }
    text += char
    at++
  }
  return text
}

function quoted(value: string, place: Place): string {
  switch (place) {
    case 'plain':
      return /^[\w@%+=:,./-]+$/.test(value) ? value : `'${value.replaceAll("'", "'\\''")}'`
    case 'single':
      return value.replaceAll("'", "'\\''")
    case 'double':
      return value.replace(/[\\"$`]/g, '\\$&')
    case 'comment':
      return ''
  }
}

function clean(value: string): string {
  return value.replaceAll('\0', '')
}
