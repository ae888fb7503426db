import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { readPage, root } from './docs-blocks.ts'

const rows = [...readPage(join('docs', 'coverage.md')).matchAll(/^\| ([A-Z]\d\S*) \| (.+?) \| (.+) \|$/gm)]
const references = rows.flatMap(([, id = '', , cell = '']) =>
  [...cell.matchAll(/`([^`]+)` “(.+?)”(?=<br>|$)/g)].map(([, file = '', title = '']) => ({ id, file, title })),
)

/** True when the file has a test (or, a page, a heading) of this title. */
function has(file: string, title: string): boolean {
  const path = join(root, file)
  if (!existsSync(path)) return false
  const text = readFileSync(path, 'utf8')
  if (file.endsWith('.md')) return text.split('\n').includes(title)
  return [`'`, `"`, '`'].some(
    (quote) => text.includes(`(${quote}${title}${quote}`) || text.includes(`  ${quote}${title}${quote},\n`),
  )
}

test('every test that the page of coverage names is there', () => {
  expect(references.length).toBeGreaterThan(100)
  expect(references.filter(({ file, title }) => !has(file, title))).toEqual([])
})

test('every row of the page of coverage stands once, and says what shows it or why nothing does', () => {
  const ids = rows.map(([, id]) => id)
  expect(new Set(ids).size).toBe(ids.length)
  expect(rows.filter(([, , , cell = '']) => cell.trim() === '').map(([, id]) => id)).toEqual([])
})
