import type { z } from 'zod'
import { nearest } from '../nearest.ts'

/** One thing wrong with a value: where (a path into the value), what, and what to do. `atKey`: it is the key that is wrong. */
export interface Problem {
  readonly path: readonly (string | number)[]
  readonly message: string
  readonly hint?: string
  readonly atKey?: true
}

type Issue = z.core.$ZodIssue
type Def = {
  readonly shape?: Record<string, z.core.$ZodType>
  readonly innerType?: z.core.$ZodType
  readonly in?: z.core.$ZodType
  readonly options?: readonly z.core.$ZodType[]
  readonly element?: z.core.$ZodType
  readonly valueType?: z.core.$ZodType
}

/** What a failed parse found, in words for people, in the order it was found. `value` is what was parsed. */
export function problemsOf(schema: z.core.$ZodType, issues: readonly Issue[], value: unknown): Problem[] {
  return issues.flatMap((issue) => describe(schema, issue, value, []))
}

function describe(
  schema: z.core.$ZodType,
  issue: Issue,
  value: unknown,
  prefix: readonly (string | number)[],
): Problem[] {
  const path = [...prefix, ...issue.path.map((part) => (typeof part === 'number' ? part : String(part)))]
  const got = at(value, path)
  const field = path.length === 0 ? '' : `${pathText(path)}: `
  switch (issue.code) {
    case 'unrecognized_keys': {
      const known = keysAt(schema, path)
      return issue.keys.map((key) => {
        const near = nearest(key, known)
        const where = path.length === 0 ? '' : ` in ${pathText(path)}`
        const hint = near === undefined ? `known keys: ${known.join(', ')}` : `did you mean "${near}"?`
        return {
          path: [...path, key],
          atKey: true,
          message: `unknown key ${isAddress(key) ? 'that is an address' : `"${key}"`}${where}`,
          hint,
        }
      })
    }
    case 'invalid_union': {
      if (got === undefined) return [missing(path)]
      const fitting = nearestOption(issue.errors)
      if (fitting !== undefined) return fitting.flatMap((inner) => describe(schema, inner, value, path))
      return [
        { path, message: `${field}expected ${[...new Set(rootTypes(issue.errors))].join(' or ')}, got ${show(got)}` },
      ]
    }
    case 'invalid_type': {
      if (got === undefined) return [missing(path)]
      if (issue.expected === 'int') return [{ path, message: `${field}expected a whole number, got ${show(got)}` }]
      if (path.length === 0 && got === null)
        return [{ path, message: 'the file is empty', hint: 'for example: goal: fix the failing tests' }]
      const expected = typeName(issue.expected)
      const glued = typeof got === 'string' && /^[A-Za-z]\w*:\S/.test(got) && expected === 'a map of keys'
      if (glued)
        return [
          { path, message: `${field}expected ${expected}, got ${show(got)}`, hint: 'put a space after the colon' },
        ]
      const quoted =
        typeof got === 'number' && issue.expected === 'string' ? { hint: `put it in quotes: "${got}"` } : {}
      return [{ path, message: `${field}expected ${expected}, got ${show(got)}`, ...quoted }]
    }
    case 'invalid_value': {
      if (got === undefined && path.length > 0) return [missing(path)]
      const values = issue.values.map(String)
      const near = typeof got === 'string' ? nearest(got, values) : undefined
      const allowed = values.length === 1 ? `allowed here: ${values[0]}` : `one of: ${values.join(', ')}`
      return [
        {
          path,
          message: `${field}${show(got)} is not allowed`,
          hint: near === undefined ? allowed : `did you mean "${near}"? (${allowed})`,
        },
      ]
    }
    case 'too_big':
      if (issue.origin === 'number' || issue.origin === 'int')
        return [{ path, message: `${field}${show(got)} is too large, at most ${issue.maximum}` }]
      break
    case 'too_small':
      if (issue.origin === 'number' || issue.origin === 'int')
        return [
          {
            path,
            message: `${field}${show(got)} is too small, ${issue.inclusive ? 'at least' : 'more than'} ${issue.minimum}`,
          },
        ]
      if (issue.origin === 'string' && issue.message.startsWith('Too small'))
        return [{ path, message: `${field}must not be empty` }]
      break
    case 'custom': {
      const hint: unknown = issue.params?.hint
      return [{ path, message: field + issue.message, ...(typeof hint === 'string' ? { hint } : {}) }]
    }
  }
  return [{ path, message: field + issue.message }]
}

function missing(path: readonly (string | number)[]): Problem {
  const last = path.at(-1)
  if (last === undefined)
    return { path, message: 'the file is empty', hint: 'for example: goal: fix the failing tests' }
  return { path: path.slice(0, -1), message: `${pathText(path)} is missing`, hint: `add "${last}: …"` }
}

/** The option of a union that was meant: of those that took the kind of value, the one with the least to complain about. */
function nearestOption(options: readonly (readonly Issue[])[]): readonly Issue[] | undefined {
  const fitting = options.filter(fitsRoot)
  return fitting.reduce<readonly Issue[] | undefined>(
    (best, option) => (best !== undefined && complaints(best) <= complaints(option) ? best : option),
    undefined,
  )
}

/** How much an option complains; a key it does not know at its top tells most that it was not meant. */
function complaints(errors: readonly Issue[]): number {
  return errors.reduce((sum, error) => {
    if (error.code === 'unrecognized_keys') return sum + error.keys.length * (error.path.length === 0 ? 2 : 1)
    const inner = error.code === 'invalid_union' ? nearestOption(error.errors) : undefined
    return sum + (inner === undefined ? 1 : complaints(inner))
  }, 0)
}

/** Whether a union's option took the kind of value it was given, so that its complaints are the ones that help. */
function fitsRoot(errors: readonly Issue[]): boolean {
  return errors.every((error) => {
    if (error.path.length > 0) return true
    return error.code === 'invalid_union' ? error.errors.some(fitsRoot) : error.code !== 'invalid_type'
  })
}

function rootTypes(options: readonly (readonly Issue[])[]): string[] {
  return options.flat().flatMap((error) => {
    if (error.code === 'invalid_union') return rootTypes(error.errors)
    return error.code === 'invalid_type' ? [typeName(error.expected)] : []
  })
}

/** A path for people: `hooks.beforeWorker[0].run`. */
export function pathText(path: readonly (string | number)[]): string {
  return path.map((part, i) => (typeof part === 'number' ? `[${part}]` : i === 0 ? part : `.${part}`)).join('')
}

function at(value: unknown, path: readonly (string | number)[]): unknown {
  let here = value
  for (const part of path) {
    if (typeof here !== 'object' || here === null || !Object.hasOwn(here, part)) return undefined
    here = Reflect.get(here, part)
  }
  return here
}

/** The keys a schema knows at a path, through defaults, transforms, lists, records and unions. */
function keysAt(schema: z.core.$ZodType, path: readonly (string | number)[]): string[] {
  const def: Def = schema._zod.def as Def
  if (def.innerType !== undefined) return keysAt(def.innerType, path)
  if (def.in !== undefined) return keysAt(def.in, path)
  if (def.options !== undefined) return [...new Set(def.options.flatMap((option) => keysAt(option, path)))]
  const [head, ...rest] = path
  if (def.shape !== undefined) {
    if (head === undefined) return Object.keys(def.shape)
    const inner = Object.hasOwn(def.shape, head) ? def.shape[head] : undefined
    return inner === undefined ? [] : keysAt(inner, rest)
  }
  const inner = typeof head === 'number' ? def.element : def.valueType
  return inner === undefined || head === undefined ? [] : keysAt(inner, rest)
}

function typeName(expected: string): string {
  const names: Record<string, string> = {
    string: 'text',
    number: 'a number',
    int: 'a whole number',
    boolean: 'true or false',
    array: 'a list',
    object: 'a map of keys',
    record: 'a map of keys',
  }
  return names[expected] ?? expected
}

function show(value: unknown): string {
  if (value === null) return 'nothing'
  if (Array.isArray(value)) return 'a list'
  if (typeof value === 'object') return 'a map of keys'
  if (typeof value === 'string' && isAddress(value)) return 'an address'
  const text = typeof value === 'string' ? JSON.stringify(value) : String(value)
  return text.length > 60 ? `${text.slice(0, 59)}…` : text
}

/** Whoever knows the address of a webhook may write there: it is not repeated. */
function isAddress(text: string): boolean {
  return /^\s*https?:/i.test(text)
}
