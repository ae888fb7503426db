import type { StandardSchemaWithJSON } from '@modelcontextprotocol/server'
import type { z } from 'zod'

type Schema = Readonly<Record<string, unknown>>

/**
 * A schema whose JSON Schema every client can read: some know one `type` at a time, and no schema without a keyword. It says the same,
 * and takes the same values.
 */
export function portable<S extends z.ZodObject>(schema: S): StandardSchemaWithJSON<z.input<S>, z.output<S>> {
  const own = schema['~standard'] as StandardSchemaWithJSON<z.input<S>, z.output<S>>['~standard']
  const { input, output } = own.jsonSchema
  return {
    '~standard': {
      ...own,
      jsonSchema: { input: (options) => plain(input(options)), output: (options) => plain(output(options)) },
    },
  }
}

/** Keywords that hold a schema. One that takes all there is says as much as none. */
const holders: readonly string[] = ['items', 'additionalProperties']

/** Keywords that say something of a value whatever its type. */
const annotations: readonly string[] = ['description', 'default', 'title', 'examples']

function plain({ type, ...rest }: Schema): Record<string, unknown> {
  const entries = Object.entries(rest).flatMap(([key, value]): [string, unknown][] => {
    if (key === 'properties') return [[key, mapped(value as Schema)]]
    if (key === 'anyOf') return [[key, (value as Schema[]).map(plain)]]
    if (!holders.includes(key) || !isSchema(value)) return [[key, value]]
    return Object.keys(value).length === 0 ? [] : [[key, plain(value)]]
  })
  if (!Array.isArray(type)) return { ...(type === undefined ? {} : { type }), ...Object.fromEntries(entries) }
  const about = Object.fromEntries(entries.filter(([key]) => annotations.includes(key)))
  const limits = Object.fromEntries(entries.filter(([key]) => !annotations.includes(key)))
  return { anyOf: type.map((one: unknown) => (one === 'null' ? { type: one } : { type: one, ...limits })), ...about }
}

function mapped(schemas: Schema): Schema {
  return Object.fromEntries(Object.entries(schemas).map(([name, schema]) => [name, plain(schema as Schema)]))
}

function isSchema(value: unknown): value is Schema {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
