import { expect, test } from 'vitest'
import { z } from 'zod'
import { portable } from './portable.ts'

const schema = z.looseObject({
  name: z.string().max(9).nullable().describe('how it is called'),
  all: z.array(z.unknown()),
  by: z.record(z.string(), z.looseObject({ at: z.number().nullable().default(null) })),
  either: z.union([z.string(), z.array(z.string().nullable())]),
})

test('every schema has one type or alternatives, and none is without a keyword', () => {
  const said = portable(schema)['~standard'].jsonSchema.output({ target: 'draft-2020-12' })
  expect(said.properties).toEqual({
    name: { anyOf: [{ type: 'string', maxLength: 9 }, { type: 'null' }], description: 'how it is called' },
    all: { type: 'array' },
    by: {
      type: 'object',
      propertyNames: { type: 'string' },
      additionalProperties: {
        type: 'object',
        properties: { at: { anyOf: [{ type: 'number' }, { type: 'null' }], default: null } },
        required: ['at'],
      },
    },
    either: {
      anyOf: [{ type: 'string' }, { type: 'array', items: { anyOf: [{ type: 'string' }, { type: 'null' }] } }],
    },
  })
  expect(JSON.stringify(said)).not.toMatch(/\{\}|"type":\[/)
})

test('what it takes stays the same', async () => {
  const { validate } = portable(schema)['~standard']
  const value = { name: null, all: [1, 'x'], by: { a: { more: true } }, either: 'x', other: 1 }
  expect(await validate(value)).toEqual({ value: { ...value, by: { a: { more: true, at: null } } } })
  expect(await validate({ ...value, name: 1 })).toHaveProperty('issues')
})
