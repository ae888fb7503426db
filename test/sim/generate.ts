import { seededRandom } from '../../src/testing/clock.ts'
import type { Node, Scenario } from './program.ts'

interface Dice {
  /** A whole number in [0, n). */
  below(n: number): number
  chance(share: number): boolean
  pick<T>(items: readonly T[]): T
}

function dice(seed: number): Dice {
  const random = seededRandom(seed)
  const below = (n: number) => Math.floor(random() * n)
  return {
    below,
    chance: (share) => random() < share,
    pick: (items) => items[below(items.length)] as (typeof items)[number],
  }
}

/**
 * A race that a branch without any step may win leaves nothing in the journal that tells so: a change there is not for
 * `changed` to keep apart.
 */
function changesInRace(node: Node, inRace = false): boolean {
  if (node.op === 'changed') return inRace
  const below = 'body' in node ? [node.body].flat() : []
  return below.some((part) => changesInRace(part as Node, inRace || node.op === 'race'))
}

/** Durations collide on purpose, so that many things become ready at once. */
const durations = [0, 0, 5, 10, 10, 25, 400]

/** The scenario of a seed: always the same. */
export function generate(seed: number): Scenario {
  const d = dice(seed)
  const timeless = d.chance(0.5)
  let count = 0
  const id = (op: string) => `${op}${++count}`

  function node(depth: number, inBranch: boolean): Node {
    const leaf = depth <= 0 || d.chance(0.3)
    const ops: Node['op'][] = leaf
      ? [
          'step',
          'step',
          'step',
          'sleep',
          'emit',
          'random',
          'ask',
          ...(timeless ? [] : (['spend', 'once', 'receive', 'changed'] as const)),
        ]
      : [
          'seq',
          'seq',
          'parallel',
          'parallel',
          'try',
          'finally',
          'child',
          ...(inBranch ? [] : (['iteration', 'iteration'] as const)),
          ...(timeless ? [] : (['race', 'race'] as const)),
        ]
    const op = d.pick(ops)
    const ms = d.pick(durations)
    switch (op) {
      case 'step': {
        // A failure only where a `try` above catches it deterministically: its own.
        const step: Node = { op, id: id(op), ms, effect: d.chance(0.4), fails: d.chance(0.15) }
        return step.fails ? { op: 'try', id: id('try'), body: step } : step
      }
      case 'spend':
        return { op: 'try', id: id('try'), body: { op, id: id(op), ms, tokens: 1 + d.below(40) } }
      case 'once':
        return { op: 'try', id: id('try'), body: { op, id: id(op), ms } }
      case 'sleep':
        return { op, id: id(op), ms: d.pick([0, 1, 10, 300, 5_000]) }
      case 'ask':
        return { op, id: id(op), answerAfter: d.pick([0, 10, 700]) }
      case 'receive':
        return { op, id: id(op), name: d.pick(['a', 'b']) }
      case 'iteration':
        return { op, id: id(op), body: node(depth - 1, inBranch) }
      case 'try':
        return { op, id: id(op), body: node(depth - 1, inBranch) }
      case 'finally':
        return { op, id: id(op), body: node(depth - 1, inBranch), ms }
      case 'child': {
        const tokens = timeless || d.chance(0.5) ? {} : { tokens: 20 + d.below(40) }
        return { op, id: id(op), body: node(depth - 2, false), ...tokens }
      }
      case 'race':
        return { op, id: id(op), body: list(depth, 2 + d.below(2)) }
      case 'parallel':
        return { op, id: id(op), body: list(depth, 1 + d.below(4)), concurrency: 1 + d.below(4) }
      case 'seq':
        return { op, id: id(op), body: Array.from({ length: 1 + d.below(4) }, () => node(depth - 1, inBranch)) }
      default:
        return { op, id: id(op) } as Node
    }
  }
  const list = (depth: number, length: number) => Array.from({ length }, () => node(depth - 1, true))

  // Now and then a child that works for long, and a cancellation while it does.
  const longChild = !timeless && d.chance(0.1)
  const longWork = (): Node => ({
    op: 'child',
    id: id('child'),
    body: { op: 'seq', id: id('seq'), body: Array.from({ length: 8 }, () => ({ op: 'step', id: id('step'), ms: 25 })) },
  })
  const program: Node = {
    op: 'seq',
    id: 'root',
    body: [...(longChild ? [longWork()] : []), ...Array.from({ length: 2 + d.below(3) }, () => node(3, false))],
  }
  const at = () => d.pick([0, 3, 10, 12, 40, 450, 2_000])
  const optional = (share: number, name: string) => (!timeless && d.chance(share) ? { [name]: at() } : {})
  return {
    seed,
    program,
    timeless,
    segments: d.chance(0.2) ? 2 : 1,
    caps: timeless
      ? {}
      : {
          ...(d.chance(0.3) ? { iterations: 1 + d.below(2) } : {}),
          ...(d.chance(0.5) ? { tokens: 10 + d.below(60) } : {}),
          ...(d.chance(0.15) ? { activeMs: 8 + d.below(60) } : {}),
        },
    ...(longChild ? { cancelAt: 40 } : optional(0.15, 'cancelAt')),
    ...optional(0.15, 'stopAt'),
    ...optional(0.15, 'pauseAt'),
    messages: timeless ? [] : ['a', 'b', 'a', 'b', 'a', 'b', 'a', 'b', 'a', 'b'].map((name) => ({ name, at: at() })),
    evolves: d.chance(0.5) && !changesInRace(program),
    lingerMs: d.pick([0, 50, 1_000]),
  }
}
