import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { repairJsonSchema } from '../../src/core/spec/repair.ts'
import { parseHeartbeat } from '../../src/folder/loop/heartbeat.ts'
import { blocksOf, readPage, root } from './docs-blocks.ts'

const page = join('docs', 'repair.md')
const yaml = blocksOf(page).filter(({ language }) => language === 'yaml')

interface Schema {
  readonly properties?: Readonly<Record<string, Schema>>
  readonly anyOf?: readonly Schema[]
}

test('the page of the repair loop names every field of a repair file', () => {
  const written = yaml.flatMap(({ text }) => [...text.matchAll(/^(\w+):/gm)].map(([, key = '']) => key))
  expect([...new Set(written)].sort()).toEqual(Object.keys((repairJsonSchema() as Schema).properties ?? {}).sort())
})

test('it names every field of the stages, of a browser play, the baseline, the limits and the changes', () => {
  const { stages, baseline, limits, changes } = (repairJsonSchema() as Schema).properties ?? {}
  const browser = stages?.properties?.play?.anyOf?.find((one) => one.properties?.browser)?.properties?.browser
  const parts = { stages, baseline, limits, changes, browser }
  const text = yaml.map((block) => block.text).join('\n')
  for (const [name, part] of Object.entries(parts)) {
    const keys = Object.keys(part?.properties ?? {}).filter((key) => key !== 'timeoutMs')
    expect(keys.length, name).toBeGreaterThan(2)
    for (const key of keys) expect(text, `${name}.${key}`).toMatch(new RegExp(`(?:^ +(?:# )?|[{,] )${key}:`, 'm'))
  }
})

test('it names every field of a heartbeat', () => {
  const beat = parseHeartbeat('{"status": "running", "run_id": "r"}') ?? {}
  const rows =
    readPage(page)
      .match(/^\| `.*$/gm)
      ?.join('\n') ?? ''
  for (const key of Object.keys(beat)) expect(rows).toContain(`\`${key}\``)
})

test('the quick start names files that are there', () => {
  for (const path of [
    'examples/demo_project/package.json',
    'examples/repair/loop.yaml',
    'examples/openloop.demo.json',
  ]) {
    expect(readFileSync(join(root, path), 'utf8')).not.toBe('')
    expect(readPage(page)).toContain(path.split('/').slice(0, 2).join('/'))
  }
})
