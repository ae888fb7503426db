import assert from 'node:assert/strict'
import { test } from 'node:test'
import { duplicates } from '../src/catalog.js'

const products = (...ids) => ids.map((id) => ({ id }))

test('ids that are there twice are found, each once, in their order', () => {
  assert.deepEqual(duplicates(products('b', 'a', 'c', 'b', 'a', 'b')), ['b', 'a'])
})

test('a catalog without any has none', () => {
  assert.deepEqual(duplicates(products('a', 'b')), [])
  assert.deepEqual(duplicates([]), [])
})
