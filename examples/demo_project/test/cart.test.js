import assert from 'node:assert/strict'
import { test } from 'node:test'
import { total } from '../src/cart.js'

test('an empty cart costs nothing', () => {
  assert.equal(total([]), 0)
})

test('each item counts as often as it is bought', () => {
  const items = [
    { price: 250, quantity: 2 },
    { price: 999, quantity: 1 },
  ]
  assert.equal(total(items), 1499)
})

test('a discount is taken off the whole', () => {
  assert.equal(total([{ price: 1000, quantity: 3 }], 10), 2700)
})
