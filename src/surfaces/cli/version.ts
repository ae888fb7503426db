import { readFileSync } from 'node:fs'

/** The version of this package. */
export function versionOf(): string {
  const file = new URL('../../../package.json', import.meta.url)
  return String((JSON.parse(readFileSync(file, 'utf8')) as { readonly version?: unknown }).version)
}
