import { describe, expect, it } from 'vitest'
import { appendRunLog, loggedDay, type RunLogEntry, readRunLog } from './run-log.ts'

const now = Date.parse('2026-09-15T12:00:00Z')
const entry: RunLogEntry = {
  run_id: '2026-09-15T08:00:39Z',
  pattern: 'daily-triage',
  duration_s: 10,
  items_found: 9,
  actions_taken: 1,
  escalations: 2,
  tokens_estimate: 52_000,
  outcome: 'report-only',
  run: 'run-1',
}

describe('a run log', () => {
  it('is made from nothing, and grows by a line for each run, once', () => {
    const one = appendRunLog('', entry, now)
    expect(one.endsWith(`<!-- Loop appends below this line -->\n${JSON.stringify(entry)}\n`)).toBe(true)
    expect(appendRunLog(one, entry, now)).toBe(one)
    expect(appendRunLog(one, { ...entry, tokens_estimate: 1 }, now)).toBe(one)
    const two = appendRunLog(one, { ...entry, run: 'run-2', run_id: '2026-09-15T09:00:00Z' }, now)
    expect(readRunLog(two).map(({ at }) => new Date(at).toISOString())).toEqual([
      '2026-09-15T08:00:39.000Z',
      '2026-09-15T09:00:00.000Z',
    ])
  })

  it('loses entries older than 30 days, and nothing else', () => {
    const line = (run_id: string) => JSON.stringify({ ...entry, run: run_id, run_id })
    const text = `# Log\r\n${line('2020-01-01T00:00:00Z')}\r\n<!-- Loop appends below this line -->\r\n- a note\r\n${line('2026-08-16T11:59:59Z')}\r\n${line('2026-08-16T12:00:01Z')}\r\n{"run_id": broken\r\n{"pattern":"x"}\r\nend`
    const after = appendRunLog(text, entry, now)
    expect(after).toBe(`${text.replace(`${line('2026-08-16T11:59:59Z')}\r\n`, '')}\r\n${JSON.stringify(entry)}\r\n`)
  })

  it('gets its marker where it has none, and keeps what stands there', () => {
    const after = appendRunLog('# Mine\n\nwords', entry, now)
    expect(after.startsWith('# Mine\n\nwords\n\n<!-- Loop appends below this line -->\n{')).toBe(true)
  })

  it('tells what a pattern spent on a UTC day, from lines and blocks, whatever else is there', () => {
    const block = (id: string, tokens: unknown) =>
      `\`\`\`json\n{\n  "run_id": "${id}",\n  "pattern": "daily-triage",\n  "tokens_estimate": ${JSON.stringify(tokens)}\n}\n\`\`\`\n`
    const text = `# Log\n${block('2026-09-15T00:00:00Z', 999)}\n## Recent Runs\n<!-- Loop appends below this line -->\n${block('2026-09-15T08:00:00Z', 1000)}
{"run_id":"2026-09-15T23:30:00-02:00","pattern":"daily-triage","tokens_estimate":7}
{"run_id":"2026-09-16T01:00:00+08:00","pattern":"daily-triage","tokens_estimate":20}
{"run_id":"2026-09-15T09:00:00Z","pattern":"daily-triage","tokens_estimate":-5000}
{"run_id":"2026-09-15T09:00:00Z","pattern":"daily-triage","tokens_estimate":"many"}
{"run_id":"2026-09-15T09:00:00Z","pattern":"ci-sweeper","tokens_estimate":300}
{"run_id":"run 7","pattern":"daily-triage","tokens_estimate":300}
{"__proto__":{"run_id":"2026-09-15T09:00:00Z","pattern":"daily-triage","tokens_estimate":300}}
[1] null {{{ }
`
    expect(loggedDay(text, 'daily-triage', '2026-09-15')).toEqual({ runs: 4, tokens: 1020 })
    expect(loggedDay('{"run_id":', 'daily-triage', '2026-09-15')).toEqual({ runs: 0, tokens: 0 })
  })

  it('holds a reason as words, and refuses what is no time and what is too large', () => {
    const after = appendRunLog('', { ...entry, reason: 'a --> b\n# x' }, now)
    expect(after).toContain('"reason":"a -> b # x"')
    expect(() => appendRunLog('', { ...entry, run_id: 'soon' }, now)).toThrow(/is no time/)
    expect(() => appendRunLog('x'.repeat(1_100_000), entry, now)).toThrow(/too large/)
    expect(readRunLog(`${'{'.repeat(900_000)}}`)).toEqual([])
    expect(readRunLog(`${'{\n'.repeat(300_000)}`)).toEqual([])
  })
})
