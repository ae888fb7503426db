import fc from 'fast-check'
import { expect, test } from 'vitest'
import { bandOf, bestOf, describeAim, directions, formatMetric, improves, meets, sparkline, worsens } from './metric.ts'

const finite = fc.double({ noNaN: true, noDefaultInfinity: true })

test('a value meets what is wanted by its direction and within its tolerance', () => {
  expect(meets(0.9, 0.9, 'greater_equal')).toBe(true)
  expect(meets(0.9, 0.9, 'greater')).toBe(false)
  expect(meets(0.88, 0.9, 'greater_equal', 0.05)).toBe(true)
  expect(meets(95, 100, 'greater_equal', '5%')).toBe(true)
  expect(meets(94.9, 100, 'greater_equal', '5%')).toBe(false)
  expect(meets(105, 100, 'less_equal', '5%')).toBe(true)
  expect(meets(100, 100, 'less')).toBe(false)
  expect(meets(101, 100, 'equal', 1)).toBe(true)
  expect(meets(102, 100, 'equal', 1)).toBe(false)
  expect(bandOf(-200, '10%')).toBe(20)
  expect(describeAim('greater_equal', 0.9)).toBe('>= 0.9')
})

test('of two values at most one is better, and a tolerance never makes more of them differ', () => {
  const direction = fc.constantFrom(...directions)
  fc.assert(
    fc.property(finite, finite, direction, fc.double({ min: 0, max: 1e6, noNaN: true }), (a, b, way, tolerance) => {
      const aim = { direction: way, wanted: 3 }
      expect(improves(a, b, aim) && improves(b, a, aim)).toBe(false)
      expect(improves(a, b, aim) && worsens(a, b, aim)).toBe(false)
      if (improves(a, b, { ...aim, tolerance })) expect(improves(a, b, aim)).toBe(true)
      if (meets(a, b, way)) expect(meets(a, b, way, tolerance)).toBe(true)
      const best = bestOf([a, b], aim)
      for (const one of [a, b]) expect(improves(one, best ?? Number.NaN, aim)).toBe(false)
    }),
  )
  expect(bestOf([], { direction: 'less' })).toBeUndefined()
  expect(bestOf([3, 1, 2], { direction: 'less' })).toBe(1)
  expect(bestOf([3, 1, 2], { direction: 'equal', wanted: 2.2 })).toBe(2)
})

test('a trajectory is drawn as a line of bars', () => {
  expect(sparkline([0, 1, 2, 3, 4, 5, 6, 7])).toBe('▁▂▃▄▅▆▇█')
  expect(sparkline([null, 5, null])).toBe('·▄·')
  expect(sparkline([], 5)).toBe('')
  expect(sparkline([1, 2, 3, 9], 2)).toBe('▁█')
  expect(formatMetric(0.1 + 0.2)).toBe('0.3')
})

test('every drawing stays inside its frame', () => {
  fc.assert(
    fc.property(fc.array(fc.option(finite)), (values) => {
      expect([...sparkline(values, 1_000)]).toHaveLength(values.length)
    }),
  )
})
