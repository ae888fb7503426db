import { expect, test } from 'vitest'
import { withPlaywright } from './playwright.ts'

test('playwright is added once', () => {
  const added = withPlaywright([{ argv: ['npm', 'test'] }])
  expect(added.map((check) => check.argv?.join(' '))).toEqual(['npm test', 'npx playwright test'])
  expect(withPlaywright(added)).toEqual(added)
  expect(withPlaywright([{ shell: 'CI=1 npx playwright test --project=web' }])).toHaveLength(1)
})
