import { lstatSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { plainText } from '../../core/plain.ts'
import { readOwn } from './own.ts'

/** How much of the notes of people, and of the lessons of runs, is given on, in characters. */
const noteChars = 2_000
const lessonChars = 1_800
const mostBytes = 5_000_000
const mostFiles = 100

/** What people wrote into `knowledge/`, and the lessons of earlier runs, the newest last; links are not followed. Never throws. */
export function readKnowledge(folder: string): string {
  const directory = join(folder, 'knowledge')
  const notes = notesIn(directory).map((name) => plainText(readOwn(join(directory, name), mostBytes) ?? '').trim())
  const lessons = lessonsOf(readOwn(join(directory, 'lessons.md'), mostBytes) ?? '')
  return [notes.join('\n\n').slice(0, noteChars), lessons].filter((part) => part.trim() !== '').join('\n\n')
}

function notesIn(directory: string): string[] {
  try {
    if (!lstatSync(directory).isDirectory()) return []
    return readdirSync(directory)
      .filter((name) => /\.(?:md|txt)$/i.test(name) && name !== 'lessons.md' && name !== 'README.md')
      .sort()
      .slice(0, mostFiles)
  } catch {
    return []
  }
}

/** The last lessons, whole ones, each once. */
function lessonsOf(text: string): string {
  const lines = plainText(text)
    .split('\n')
    .map((line) => line.replace(/\s*<!--.*-->\s*$/, '').trim())
    .filter((line) => line.startsWith('- '))
  const kept: string[] = []
  const said = new Set<string>()
  let room = lessonChars
  for (const line of lines.reverse()) {
    const what = line.replace(/^- round \d+: /, '')
    if (said.has(what)) continue
    if (line.length + 1 > room) break
    said.add(what)
    room -= line.length + 1
    kept.unshift(line)
  }
  return kept.join('\n')
}
