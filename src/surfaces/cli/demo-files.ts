/** The repository of the demo: a shop's prices, with two mistakes that its tests find. */
export const demoFiles: Readonly<Record<string, string>> = {
  'package.json': `{
  "name": "shop",
  "type": "module",
  "scripts": { "test": "node --test" }
}
`,
  'src/total.js': `/** The sum of a cart in cents. */
export function total(items) {
  return items.reduce((sum, item) => sum + item.cents, 0)
}
`,
  'src/discount.js': `/** What is left of an amount in cents after a discount in percent. */
export function discounted(cents, percent) {
  return cents - percent
}
`,
  'test/shop.test.js': `import assert from 'node:assert/strict'
import test from 'node:test'
import { discounted } from '../src/discount.js'
import { total } from '../src/total.js'

test('the total counts how many of each', () => {
  assert.equal(total([{ cents: 250, count: 2 }, { cents: 100, count: 1 }]), 600)
})

test('a discount is a share of the amount', () => {
  assert.equal(discounted(600, 10), 540)
})

test('a discount leaves whole cents', () => {
  assert.equal(discounted(999, 15), 849)
})
`,
}

/** What the scripted agents of the demo do: the first attempt at the discount forgets to round, and a check finds it. */
export const demoScript = `replies:
  - role: decomposer
    iteration: 1
    delayMs: 700
    json:
      - { id: total, description: Count how many of each item are in the cart }
      - { id: discount, description: Take the discount as a share of the amount }
    usage: { inputTokens: 1840, outputTokens: 120, costUsd: 0.007 }

  - role: worker
    iteration: 1
    subgoal: total
    delayMs: 1800
    edits:
      - { replace: src/total.js, find: sum + item.cents, with: sum + item.cents * item.count }
    text: The total now multiplies the price of each item by its count.
    usage: { inputTokens: 5210, outputTokens: 310, costUsd: 0.021 }

  - role: worker
    iteration: 1
    subgoal: discount
    delayMs: 2600
    edits:
      - { replace: src/discount.js, find: cents - percent, with: cents * (1 - percent / 100) }
    text: The discount is now a share of the amount.
    usage: { inputTokens: 4870, outputTokens: 260, costUsd: 0.019 }

  - role: reviewer
    iteration: 1
    delayMs: 900
    json:
      quality_ok: false
      consistency_ok: true
      goal_aligned: true
      goal_complete: false
      issues: [src/discount.js leaves fractions of a cent]
    usage: { inputTokens: 3920, outputTokens: 180, costUsd: 0.014 }

  - role: decomposer
    delayMs: 600
    json:
      - { id: round, description: Round what the discount leaves to whole cents }
      - { id: document, description: Say in the comment of discounted() that it rounds }
    usage: { inputTokens: 2260, outputTokens: 110, costUsd: 0.008 }

  - role: worker
    subgoal: round
    delayMs: 1500
    edits:
      - replace: src/discount.js
        find: return cents * (1 - percent / 100)
        with: return Math.round(cents * (1 - percent / 100))
    text: What is left is rounded to whole cents; the failing check passes.
    usage: { inputTokens: 4410, outputTokens: 190, costUsd: 0.017 }

  - role: worker
    subgoal: document
    delayMs: 1900
    edits:
      - { replace: src/discount.js, find: discount in percent., with: "discount in percent, in whole cents." }
    text: The comment says that the result is whole cents.
    usage: { inputTokens: 3980, outputTokens: 120, costUsd: 0.015 }

  - role: reviewer
    delayMs: 900
    json:
      quality_ok: true
      consistency_ok: true
      goal_aligned: true
      goal_complete: true
      issues: []
    usage: { inputTokens: 4120, outputTokens: 90, costUsd: 0.014 }
`
