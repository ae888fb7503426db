import { isAbsolute, join } from 'node:path'
import type { Login, LoginPlace } from './preset.ts'
import { type Fields, fields, list, text } from './reader.ts'

/** The first answer among these, or `otherwise`. */
export function firstLogin(otherwise: Login['state'], ...found: readonly (Login | undefined)[]): Login {
  return found.find((each) => each !== undefined) ?? { state: otherwise }
}

/** Logged in by the first of these variables that holds something. */
export function byVariable(place: LoginPlace, ...names: readonly string[]): Login | undefined {
  const name = names.find((each) => isSet(place, each))
  return name === undefined ? undefined : { state: 'yes', by: name }
}

export function isSet(place: LoginPlace, name: string): boolean {
  return (place.env[name] ?? '').trim() !== ''
}

/** Whether a switch variable is on: `1`, `true` … */
export function isOn(place: LoginPlace, name: string): boolean {
  return /^(?:1|true|yes|on)$/i.test((place.env[name] ?? '').trim())
}

/** A CLI's own directory: what the variable names, else one under the home directory. */
export function ownDirectory(place: LoginPlace, variable: string, underHome: string): string {
  const named = place.env[variable] ?? ''
  return isAbsolute(named) ? named : join(place.home, underHome)
}

/** The object a JSON file holds; an empty one when there is none or it cannot be read. */
export function jsonFile(place: LoginPlace, path: string): Fields {
  const held = place.read(path)
  if (held === undefined) return {}
  try {
    return fields(JSON.parse(held))
  } catch {
    return {}
  }
}

/** Logged in by a JSON file, when the test finds in it what a login leaves there. */
export function byFile(place: LoginPlace, path: string, holds: (value: Fields) => boolean): Login | undefined {
  return holds(jsonFile(place, path)) ? { state: 'yes', by: shown(place, path) } : undefined
}

/** Whether an object has anything in it. */
export function holdsAnything(value: Fields): boolean {
  return Object.keys(value).length > 0
}

/** Whether a value of the object is a text or a list that is not empty. */
export function has(value: Fields, key: string): boolean {
  return text(value[key]) !== undefined || list(value[key]).length > 0
}

/** Logged in by a variable that a TOML configuration names as its key's (`env_key = "NAME"`). */
export function byConfiguredKey(place: LoginPlace, path: string): Login | undefined {
  const names = [...(place.read(path) ?? '').matchAll(/^\s*env_key\s*=\s*["']([A-Za-z_]\w{0,99})["']/gm)]
  return byVariable(place, ...names.flatMap(([, name]) => name ?? []))
}

/** Logged in by a line `NAME=…` of an environment file. */
export function byEnvFile(place: LoginPlace, path: string, ...names: readonly string[]): Login | undefined {
  const held = place.read(path) ?? ''
  const found = names.some((name) => new RegExp(`^\\s*(?:export\\s+)?${name}\\s*=\\s*\\S`, 'm').test(held))
  return found ? { state: 'yes', by: shown(place, path) } : undefined
}

/** Credentials of AWS, for models by Bedrock. Its machines have some that leave no trace: then it cannot be told. */
export function byAws(place: LoginPlace): Login {
  return firstLogin(
    'unknown',
    byVariable(place, 'AWS_BEARER_TOKEN_BEDROCK', 'AWS_ACCESS_KEY_ID', 'AWS_PROFILE', 'AWS_WEB_IDENTITY_TOKEN_FILE'),
    place.read(place.env.AWS_SHARED_CREDENTIALS_FILE ?? join(place.home, '.aws/credentials')) === undefined
      ? undefined
      : { state: 'yes', by: 'the credentials of AWS' },
  )
}

/** Credentials of Google's cloud, for models by Vertex. Its machines have some that leave no trace: then it cannot be told. */
export function byGoogle(place: LoginPlace): Login {
  const application = join(place.home, '.config/gcloud/application_default_credentials.json')
  return firstLogin(
    'unknown',
    byVariable(place, 'GOOGLE_APPLICATION_CREDENTIALS', 'GOOGLE_API_KEY'),
    byFile(place, application, holdsAnything),
  )
}

/** A path for people, with `~` for the home directory. */
function shown(place: LoginPlace, path: string): string {
  return path.startsWith(`${place.home}/`) ? `~${path.slice(place.home.length)}` : path
}
