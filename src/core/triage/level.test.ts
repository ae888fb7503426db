import { expect, test } from 'vitest'
import { isLevel, levels, lowerLevel, type Permissions, permissions } from './level.ts'

test('each level may do what the one below may, and something more', () => {
  const granted = levels.map((level) =>
    (Object.entries(permissions[level]) as [keyof Permissions, boolean][]).flatMap(([name, may]) =>
      may ? [name] : [],
    ),
  )
  expect(granted).toEqual([
    [],
    ['record', 'notify'],
    ['record', 'notify', 'change', 'propose'],
    ['record', 'notify', 'change', 'propose', 'merge'],
  ])
})

test('of two levels the lower one is taken, in either order', () => {
  const pairs = levels.flatMap((a, at) => levels.slice(at).map((b) => [a, b] as const))
  for (const [low, high] of pairs) expect([lowerLevel(low, high), lowerLevel(high, low)]).toEqual([low, low])
})

test('a level is one of four words, and nothing that looks like one', () => {
  expect(levels.every(isLevel)).toBe(true)
  for (const text of ['', 'l2', 'L4', 'L2 ', 'constructor', '2']) expect(isLevel(text)).toBe(false)
})
