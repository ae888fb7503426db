import { stripVTControlCharacters } from 'node:util'
import { expect, test } from 'vitest'
import { displayWidth } from '../../../core/plain.ts'
import type { RunRecord } from '../../../core/ports.ts'
import { type AgentView, emptyView, type RunView } from '../../../core/view.ts'
import { styleOf } from '../io.ts'
import { renderLive } from './render.ts'

const run: RunRecord = {
  id: 'r1',
  loop: 'goal',
  kind: 'goal',
  version: '1',
  spec: { goal: 'Make \u001b[31mthe tests\u0007 pass 日本語' },
  labels: {},
  project: '/p',
  scopes: [],
  caps: { iterations: 4, activeMs: 600_000, microUsd: 5_000_000 },
  createdAt: 0,
  updatedAt: 0,
  status: 'running',
  epoch: 1,
  segmentSeq: 0,
  lastSeq: 0,
  activeMs: 0,
}

function worker(id: string, state: AgentView['state'], more: Partial<AgentView> = {}): AgentView {
  return {
    key: `0/:${id}`,
    role: 'worker',
    agent: 'codex',
    model: undefined,
    subgoal: { id, description: `Do ${id} \u001b]0;owned\u0007well` },
    iteration: 2,
    call: 1,
    attempt: 1,
    state,
    startedAt: 60_000,
    endedAt: state === 'done' || state === 'failed' ? 75_000 : undefined,
    outcome: state === 'failed' ? 'timeout' : undefined,
    error: undefined,
    preview: undefined,
    chars: undefined,
    outputPath: undefined,
    resumesAt: state === 'waiting' ? 100_000 : undefined,
    ...more,
  }
}

const view: RunView = {
  ...emptyView(run),
  status: 'running',
  phase: 'execute',
  iteration: 2,
  startedAt: 0,
  workers: [worker('a', 'done'), worker('b', 'failed'), worker('c', 'waiting'), worker('d', 'running', { call: 2 })],
  checks: [
    { key: '0/:9', name: 'npm test', state: 'failed', exitCode: 1, duration: 12, error: undefined },
    { key: '0/:10', name: 'npm run lint', state: 'running', exitCode: null, duration: undefined, error: undefined },
  ],
  spend: { iterations: 2, agentCalls: 7, agents: 0, tokens: 34_000, microUsd: 420_000 },
  history: [
    { iteration: 1, startedAt: 0, finishedAt: 50_000 },
    { iteration: 2, startedAt: 50_000 },
  ],
}

const style = styleOf({}, {})
const draw = (width: number, height = 30, of = view) => renderLive(of, { width, height, now: 80_000, style })

test('the view tells the iteration, each worker, the checks, what is spent and what may be left', () => {
  expect(draw(80)).toMatchInlineSnapshot(`
    "⠋ iteration 2/4 · execute · Make the tests pass 日本語
    ✓ worker a  0:15  Do a well
    ✗ worker b  0:15  timeout · Do b well
    ◌ worker c  0:20  again in 0:20 · Do c well
    ⠋ worker d  0:20  call 2 · Do d well
    ✗ check npm test  0:12
    ⠋ check npm run lint
      1:20/10:00 · 7 calls · 34k tokens · $0.42/$5.00 · at most 2:00 left"
  `)
})

test.each([20, 33, 60, 120])('no line is wider than a terminal of %i columns, nor does anything escape', (width) => {
  const text = renderLive(view, { width, height: 30, now: 80_000, style: styleOf({ FORCE_COLOR: '1' }, {}) })
  for (const line of stripVTControlCharacters(text).split('\n')) expect(displayWidth(line)).toBeLessThan(width)
  expect(text).not.toContain('\u0007')
  expect(text).not.toContain('\u001b]')
})

test('a hundred workers fit a small terminal, those under way first', () => {
  const many = Array.from({ length: 100 }, (_, i) => worker(`w${i}`, i === 3 ? 'running' : 'done'))
  const lines = draw(80, 10, { ...view, workers: many }).split('\n')
  expect(lines.length).toBeLessThanOrEqual(10)
  expect(lines.join('\n')).toContain('worker w3')
  expect(lines.join('\n')).toContain('more')
})
