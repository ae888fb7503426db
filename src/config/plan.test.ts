import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { scratch } from '../../test/fixtures/repo.ts'
import { markStory } from './plan.ts'

const text = '# Plan\n\n- [ ] US-1: the first\n- [ ] US-2: the second\n'

function place(of: string) {
  const [project, work] = [join(of, 'project', 'sub'), join(of, 'work', 'sub')]
  mkdirSync(project, { recursive: true })
  mkdirSync(work, { recursive: true })
  const mark = (file: string, story = 'US-1') =>
    markStory({ workspace: { path: work, root: join(of, 'work') }, project, file, story })
  return { project, work, mark }
}

test("a story is ticked in the workspace's own file, and the user's stays as it was", async () => {
  using at = scratch()
  const { project, work, mark } = place(at.path)
  for (const folder of [project, work]) {
    writeFileSync(join(folder, 'PRD.md'), text)
    writeFileSync(join(folder, '..', 'top.md'), text)
  }
  expect(await mark(join(project, 'PRD.md'))).toBe(true)
  expect(readFileSync(join(work, 'PRD.md'), 'utf8')).toBe(text.replace('[ ] US-1', '[x] US-1'))
  expect(readFileSync(join(project, 'PRD.md'), 'utf8')).toBe(text)
  expect(await mark(join(project, 'PRD.md')), 'again').toBe(true)
  expect(readFileSync(join(work, 'PRD.md'), 'utf8')).toBe(text.replace('[ ] US-1', '[x] US-1'))
  expect(await mark(join(project, '..', 'top.md'), 'US-2')).toBe(true)
  expect(readFileSync(join(work, '..', 'top.md'), 'utf8')).toBe(text.replace('[ ] US-2', '[x] US-2'))
})

test('a plan that lies elsewhere, is not committed, was broken or leads out by a link is left alone', async () => {
  using at = scratch()
  const { project, work, mark } = place(at.path)
  const outside = join(at.path, 'outside.md')
  for (const path of [outside, join(project, 'new.md')]) writeFileSync(path, text)
  writeFileSync(join(work, 'broken.json'), '{')
  symlinkSync(outside, join(work, 'link.md'))
  mkdirSync(join(work, 'folder.md'))
  for (const file of [outside, join(project, 'new.md'), 'broken.json', 'link.md', 'folder.md']) {
    expect(await mark(file), file).toBe(false)
  }
  expect(readFileSync(outside, 'utf8')).toBe(text)
})
