import { LoopwrightError } from '../core/errors.ts'
import type { Story } from '../core/spec/goal.ts'

const box = /^(\s*)[-*+]\s+\[([ xX])\]\s+(\S.*)$/
const bullet = /^(\s*)(?:[-*+]|\d+[.)])\s+(?:\[[ xX]\]\s+)?(\S.*)$/
const heading = /^(#{1,6})\s+(?:\[([ xX])\]\s+)?(\S.*)$/
const acceptance = /^[\s#*_-]*(?:acceptance(?: criteria)?|done when|criteria)\b[\s*_:]*$/i

interface Found {
  readonly story: Story
  readonly line: number
  /** Lines (from 0) whose boxes are ticked when the story passes. */
  readonly boxes: readonly number[]
}

/** Stories of a PRD.md: headings that have an acceptance list, else the check boxes at the outermost level. */
export function parseMarkdown(text: string, file: string): { stories: Story[]; where(index: number): string } {
  const found = find(text)
  return { stories: found.map((one) => one.story), where: (index) => `${file}:${(found[index]?.line ?? 0) + 1}:1` }
}

/** Ticks the boxes of one story; where its heading has none, the heading gets one. */
export function markMarkdown(text: string, id: string, file: string): string {
  const one = find(text).find(({ story }) => story.id === id)
  if (one === undefined) throw new LoopwrightError('not_found', `${file}: there is no story "${id}"`)
  const lines = text.split('\n')
  for (const at of one.boxes) lines[at] = (lines[at] ?? '').replace(/\[ \]/, '[x]')
  if (one.boxes.length === 0) lines[one.line] = (lines[one.line] ?? '').replace(/^(#{1,6}\s+)/, '$1[x] ')
  return lines.join('\n')
}

function find(text: string): Found[] {
  const lines = withoutCode(text.split('\n'))
  const sections = headingStories(lines)
  return sections.length > 0 ? sections : listStories(lines)
}

function headingStories(lines: readonly string[]): Found[] {
  const found: Found[] = []
  const heads = lines.flatMap((line, at) => {
    const match = heading.exec(line)
    return match === null || acceptance.test(line) ? [] : [{ at, mark: match[2], title: (match[3] ?? '').trim() }]
  })
  for (const [i, head] of heads.entries()) {
    const end = heads[i + 1]?.at ?? lines.length
    const label = lines.findIndex((line, at) => at > head.at && at < end && acceptance.test(line))
    if (label < 0) continue
    const items = range(label + 1, end).filter((at) => bullet.test(lines[at] ?? ''))
    const boxes = items.filter((at) => box.test(lines[at] ?? ''))
    const ticked = boxes.length > 0 && boxes.every((at) => box.exec(lines[at] ?? '')?.[2] !== ' ')
    const headBox = head.mark === undefined ? [] : [head.at]
    found.push({
      line: head.at,
      boxes: [...headBox, ...boxes],
      story: {
        ...named(head.title, found.length),
        description: lines
          .slice(head.at + 1, label)
          .join('\n')
          .trim(),
        criteria: items.map((at) => bullet.exec(lines[at] ?? '')?.[2]?.trim() ?? ''),
        priority: found.length,
        passes: head.mark === undefined ? ticked : head.mark !== ' ',
      },
    })
  }
  return found
}

function listStories(lines: readonly string[]): Found[] {
  const boxed = lines.flatMap((line, at) => {
    const match = box.exec(line)
    return match === null
      ? []
      : [{ at, indent: match[1]?.length ?? 0, done: match[2] !== ' ', title: (match[3] ?? '').trim() }]
  })
  const outer = Math.min(...boxed.map((one) => one.indent))
  const top = boxed.filter((one) => one.indent <= outer + 1)
  return top.map((one, i) => {
    const next = top[i + 1]?.at ?? lines.length
    const stop = lines.findIndex((line, at) => at > one.at && at < next && heading.test(line))
    const inner = range(one.at + 1, stop < 0 ? next : stop).filter((at) => (lines[at] ?? '').search(/\S/) > one.indent)
    const items = inner.filter((at) => bullet.test(lines[at] ?? ''))
    return {
      line: one.at,
      boxes: [one.at],
      story: {
        ...named(one.title, i),
        description: inner
          .filter((at) => !items.includes(at))
          .map((at) => (lines[at] ?? '').trim())
          .join('\n'),
        criteria: items.map((at) => bullet.exec(lines[at] ?? '')?.[2]?.trim() ?? ''),
        priority: i,
        passes: one.done,
      },
    }
  })
}

/** The id a title starts with (`US-1: …`, `**US-1** …`), else one by position. */
function named(title: string, index: number): { id: string; title: string } {
  const plain = title.replace(/\*\*|__|`/g, '')
  const match = /^(?:story\s+)?([A-Za-z]+-?\d+|\d+(?:\.\d+)*)\s*[:.)–—-]?\s+(\S.*)$/i.exec(plain)
  const id = match?.[1]
  return id === undefined ? { id: `story-${index + 1}`, title: plain } : { id, title: match?.[2] ?? plain }
}

/** The lines, with those of fenced code blocks emptied: what stands there is no story. */
function withoutCode(lines: readonly string[]): string[] {
  let fence: string | undefined
  return lines.map((line) => {
    const mark = /^\s*(```+|~~~+)/.exec(line)?.[1]
    if (fence !== undefined) {
      if (mark?.startsWith(fence)) fence = undefined
      return ''
    }
    fence = mark
    return mark === undefined ? line.replace(/\r$/, '') : ''
  })
}

function range(from: number, to: number): number[] {
  return Array.from({ length: Math.max(0, to - from) }, (_, i) => from + i)
}
