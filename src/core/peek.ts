import type { Json, JsonObject } from './json.ts'

/** The value as an object, or an empty one. For facts of a journal that nobody's code depends on: a view must not throw. */
export function objectOf(value: Json | undefined): JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as JsonObject) : {}
}

/** The value as a list, or an empty one. */
export function listOf(value: Json | undefined): readonly Json[] {
  return Array.isArray(value) ? value : []
}

/** The texts of a list; everything else in it is left out. */
export function textsOf(value: Json | undefined): string[] {
  return listOf(value).filter((one) => typeof one === 'string')
}

/** The value if it is a text. */
export function textOf(value: Json | undefined): string | undefined {
  return typeof value === 'string' ? value : undefined
}

/** The value if it is a number. */
export function numberOf(value: Json | undefined): number | undefined {
  return typeof value === 'number' ? value : undefined
}

/** How many characters of an output are shown inline. */
const previewChars = 600

/** The beginning of a text, at most 600 characters; a character outside the basic plane is never cut in half. */
export function previewOf(text: string): string {
  if (text.length <= previewChars) return text
  const cut = text.slice(0, previewChars)
  return /[\uD800-\uDBFF]$/.test(cut) ? cut.slice(0, -1) : cut
}
