import { readdirSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import type { AgentDelta } from '../../core/ports.ts'
import type { Preset } from './preset.ts'
import { presets } from './presets/all.ts'
import { codex } from './presets/codex.ts'
import { Repeats } from './repeats.ts'

const directory = new URL('../../../test/fixtures/agent-streams/', import.meta.url)

function stops(deltas: readonly AgentDelta[]): number {
  const repeats = new Repeats()
  return deltas.findIndex((delta) => repeats.see(delta)?.stop === true) + 1
}

function deltasOf(preset: Preset, text: string): AgentDelta[] {
  const deltas: AgentDelta[] = []
  const reader = preset.read((delta) => deltas.push(delta), undefined)
  reader.push(text)
  reader.finish()
  return deltas
}

const tool = (id: string | undefined, name: string, input?: string): AgentDelta => ({
  type: 'tool',
  name,
  ...(id === undefined ? {} : { id }),
  ...(input === undefined ? {} : { input }),
})
const answer = (id: string | undefined, name: string, output: string): AgentDelta => ({
  type: 'tool_result',
  name,
  ok: true,
  output,
  ...(id === undefined ? {} : { id }),
})

test('no recorded stream has anything to stop', () => {
  for (const file of readdirSync(directory).filter((each) => !each.startsWith('acp-'))) {
    const text = readFileSync(new URL(file, directory), 'utf8')
    for (const preset of presets) expect(stops(deltasOf(preset, text))).toBe(0)
  }
})

test('tools that run side by side are paired with their own results', () => {
  const round = (at: number) => [
    tool(`a${at}`, 'Read', 'a'),
    tool(`b${at}`, 'Read', 'b'),
    answer(`b${at}`, 'Read', 'of b'),
    answer(`a${at}`, 'Read', 'of a'),
  ]
  expect(stops([1, 2, 3, 4].flatMap(round))).toBe(0)
  expect(stops([1, 2, 3, 4, 5].flatMap(round))).toBe(20)
})

test('without ids the last tool of the name counts', () => {
  const round = [tool(undefined, 'ls', '.'), answer(undefined, 'ls', 'a.txt')]
  expect(stops([1, 2, 3, 4, 5].flatMap(() => round))).toBe(10)
})

test('what is not told in full is never the same: Codex names the file it changed, not how', () => {
  const change = (at: number) =>
    JSON.stringify({
      type: 'item.completed',
      item: { id: `c${at}`, type: 'file_change', changes: [{ path: 'a.ts', kind: 'update' }], status: 'completed' },
    })
  const check = (at: number) =>
    JSON.stringify({
      type: 'item.completed',
      item: {
        id: `t${at}`,
        type: 'command_execution',
        command: 'npm test',
        aggregated_output: '1 failed',
        exit_code: 1,
      },
    })
  const numbers = Array.from({ length: 20 }, (_, at) => at)
  const of = (lines: readonly string[]) => stops(deltasOf(codex, lines.join('\n')))
  expect(of(numbers.map(change))).toBe(0)
  expect(of(numbers.flatMap((at) => [change(at), check(at)]))).toBe(0)
  expect(of(numbers.map(check))).toBe(10)
})
