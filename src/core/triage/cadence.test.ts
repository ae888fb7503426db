import { describe, expect, it } from 'vitest'
import { parseCadence } from './cadence.ts'

describe('parseCadence', () => {
  it('reads a time and a range in either order', () => {
    expect(parseCadence('1d')).toEqual({ kind: 'range', text: '1d', minMs: 86_400_000, maxMs: 86_400_000 })
    expect(parseCadence('5m-15m')).toMatchObject({ minMs: 300_000, maxMs: 900_000 })
    expect(parseCadence('1d-2h')).toEqual({ kind: 'range', text: '1d-2h', minMs: 7_200_000, maxMs: 86_400_000 })
    expect(parseCadence(' 2h-1d ')).toMatchObject({ text: '2h-1d', minMs: 7_200_000, maxMs: 86_400_000 })
  })

  it('knows a cron expression by its five or six fields', () => {
    expect(parseCadence('0 8 * * 1-5')).toEqual({ kind: 'cron', text: '0 8 * * 1-5' })
    expect(parseCadence('*/10  0 8 * * MON')).toEqual({ kind: 'cron', text: '*/10 0 8 * * MON' })
  })

  it.each([
    '',
    '0m',
    '5m-0m',
    '5',
    '5s',
    '5m-15',
    '-5m',
    '1.5h',
    '400d',
    '999999999d',
    'daily',
    '* * * *',
    '* * * * * * *',
    'every day at 8 o’clock',
    '5m\n6m',
    `${'9'.repeat(10_000)}m`,
  ])('refuses %j with what to write', (text) => {
    expect(() => parseCadence(text)).toThrow(
      expect.objectContaining({ code: 'bad_input', hint: expect.stringContaining('5m-15m') }),
    )
  })
})
