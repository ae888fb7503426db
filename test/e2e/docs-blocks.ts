import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root: string = dirname(dirname(dirname(fileURLToPath(import.meta.url))))

/** A fenced block of a page: ```` ```ts ````, ```` ```sh by hand ```` … */
export interface Block {
  /** The page's path in the repository, and the line of the fence, from 1. */
  readonly page: string
  readonly line: number
  readonly language: string
  /** What stands behind the language, as `by hand` or `file=loops/fix.yaml`. */
  readonly info: string
  readonly text: string
}

/** Every page for people: those at the top, those in docs/ (decisions too), those of the examples. */
export function pages(): string[] {
  const top = readdirSync(root).filter((name) => name.endsWith('.md'))
  const docs = readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('.md'),
  )
  return [...top, ...docs.map((name) => join('docs', name)), join('examples', 'README.md')].sort()
}

export function readPage(page: string): string {
  return readFileSync(join(root, page), 'utf8')
}

export function blocksOf(page: string): Block[] {
  const blocks: Block[] = []
  let open: { language: string; info: string; line: number; lines: string[] } | undefined
  for (const [at, line] of readPage(page).split('\n').entries()) {
    if (open === undefined) {
      const fence = /^```([\w-]*)\s*(.*)$/.exec(line)
      if (fence) open = { language: fence[1] ?? '', info: fence[2] ?? '', line: at + 1, lines: [] }
    } else if (line === '```') {
      blocks.push({
        page,
        line: open.line,
        language: open.language,
        info: open.info,
        text: `${open.lines.join('\n')}\n`,
      })
      open = undefined
    } else open.lines.push(line)
  }
  return blocks
}

/** The page without its blocks and code: what is left can hold links. */
export function proseOf(page: string): string {
  return readPage(page)
    .replace(/^```[\s\S]*?^```$/gm, '')
    .replace(/`[^`\n]*`/g, '')
}

/** A heading's anchor, as GitHub makes it. */
export function anchorOf(heading: string): string {
  return heading
    .trim()
    .toLowerCase()
    .replace(/[^\p{L}\p{N} _-]/gu, '')
    .replaceAll(' ', '-')
}
