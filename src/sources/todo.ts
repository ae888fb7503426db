import { oneLine } from '../core/plain.ts'
import type { Finding } from '../core/triage/finding.ts'
import type { Source } from '../core/triage/ports.ts'
import { digest, type OpenView, source } from './look.ts'

export interface TodoOptions {
  readonly view: OpenView
  /** At most so many findings; 100 by default. */
  readonly max?: number
}

const marker = /(?:^|[^\w])(TODO|FIXME|HACK|XXX)(?:\([^)]{0,60}\))?(?::|\s|$)/
/** A word in running text is no debt: it stands in a comment, or with a colon. */
const comment =
  /(?:\/\/|\/\*|^\s*\*|#|--|;|<!--|%|"""|\{-|^\s*\.\.).{0,80}?\b(?:TODO|FIXME|HACK|XXX)\b|\b(?:TODO|FIXME|HACK|XXX)(?:\([^)]{0,60}\))?:/
const longestLine = 400
const rank: Readonly<Record<string, number>> = { FIXME: 0, HACK: 1, XXX: 2, TODO: 3 }

/** Debt that somebody noted in the committed text files. A finding keeps its id when its line moves. */
export function todoSource({ view, max = 100 }: TodoOptions): Source {
  return source('todo', async () => {
    const found = await view(async ({ git, repo, head }) => {
      if (head === undefined) return []
      const args = [
        'grep',
        '-I',
        '-n',
        '-z',
        '-w',
        '--no-color',
        '--no-textconv',
        '--full-name',
        '-E',
        '-e',
        'TODO|FIXME|HACK|XXX',
        head,
        '--',
      ]
      const { stdout } = await git.own(repo, args, {
        ok: [0, 1],
        maxBytes: 8 * 1024 * 1024,
        truncate: true,
        timeoutMs: 60_000,
      })
      return notesIn(stdout.toString(), head)
    })
    if (found === undefined) return { why: 'not a git repository' }
    const first = found.sort((a, b) => (rank[a.word] ?? 9) - (rank[b.word] ?? 9)).slice(0, max)
    return { findings: first.map(({ finding }) => finding) }
  })
}

function notesIn(output: string, head: string): { word: string; finding: Finding }[] {
  const times = new Map<string, number>()
  return output.split('\n').flatMap((record) => {
    const [place = '', line = '', text = ''] = record.split('\0')
    const word = text.length > longestLine ? undefined : marker.exec(text)?.[1]
    if (word === undefined || !comment.test(text) || !place.startsWith(`${head}:`)) return []
    const path = place.slice(head.length + 1)
    const said = oneLine(text.slice(text.search(/TODO|FIXME|HACK|XXX/)).replace(/\s*(?:\*\/|-->)\s*$/, ''), 200)
    const key = `${path}:${digest(`${path}\n${said}`)}`
    const count = (times.get(key) ?? 0) + 1
    times.set(key, count)
    const id = `todo:${key}${count === 1 ? '' : `-${count}`}`
    const finding = {
      id,
      source: 'todo',
      title: `${path}: ${said}`,
      body: `${path}:${line}`,
      paths: [path],
      weight: 'low',
    } as const
    return [{ word, finding }]
  })
}
