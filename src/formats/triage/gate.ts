import { z } from 'zod'
import { LoopwrightError } from '../../core/errors.ts'
import { nearest } from '../../core/nearest.ts'
import type { Problem } from '../../core/spec/problems.ts'
import type { GatePolicy } from '../../core/triage/gate.ts'
import { parseYaml, validate } from '../yaml.ts'
import { requireSmall } from './bounds.ts'

/** The policy of a project that has none: what holds secrets, money, sign-in, data or production goes to a human; nothing merges itself. */
export const defaultGate: GatePolicy = {
  denylist: [
    '.env',
    '.env.*',
    '**/secrets/**',
    '**/credentials/**',
    '**/*_key*',
    '**/*_secret*',
    '.terraform/**',
    'k8s/production/**',
    '**/migrations/**',
    'auth/**',
    'payments/**',
    'billing/**',
  ],
  maxFiles: 10,
  autoMergeAllowlist: [],
}

const known = ['version', 'denylist', 'maxFiles', 'maxLines', 'autoMergeAllowlist']

const says = (hint: string) => ({ params: { hint } })
const glob = z
  .string()
  .refine((text) => text.trim() !== '', { message: 'must not be empty' })
  .refine((text) => text.length <= 500 && !/[\p{Cc}]/u.test(text), {
    message: 'is no path',
    ...says('at most 500 characters'),
  })
  .refine((text) => !text.startsWith('!'), {
    message: 'a glob that begins with ! is not read',
    ...says('list what is meant, without exceptions'),
  })
  .refine((text) => !text.includes('\\') && !text.split('/').includes('..'), {
    message: 'globs use / and stay inside of the project',
    ...says('for example: src/**'),
  })
  .transform((text) => text.trim())
const globs = z.array(glob).refine((all) => all.length <= 1000, { message: 'too many, at most 1000' })
const count = z.int().min(0).max(1_000_000)

const gate = z.looseObject({
  version: z.literal(1).default(1),
  denylist: globs.optional(),
  maxFiles: count.optional(),
  maxLines: count.optional(),
  autoMergeAllowlist: globs.optional(),
})

/**
 * Reads a `gate.yaml`; what it does not say is as in the default. Keys of other tools are left out, but one that looks like a mistyped
 * key of ours is an error: a denylist must not be missed. Throws one `bad_input` with file, line and column of all that is wrong.
 */
export function parseGate(text: string, path: string): GatePolicy {
  requireSmall(text, path, 'a gate holds globs only')
  const parsed = parseYaml(text, path)
  if (parsed.value === null || parsed.value === undefined) return { ...defaultGate, origin: path }
  if (typeof parsed.value !== 'object' || Array.isArray(parsed.value))
    throw new LoopwrightError('bad_input', `${parsed.where([])}: a gate is a map of keys`, {
      hint: 'for example: denylist: [".env", "auth/**"]',
    })
  const given = validate(gate, parsed, mistyped(parsed.value))
  return {
    denylist: given.denylist ?? defaultGate.denylist,
    maxFiles: given.maxFiles ?? defaultGate.maxFiles,
    ...(given.maxLines === undefined ? {} : { maxLines: given.maxLines }),
    autoMergeAllowlist: given.autoMergeAllowlist ?? defaultGate.autoMergeAllowlist,
    origin: path,
  }
}

function mistyped(value: object): Problem[] {
  return Object.keys(value).flatMap((key): Problem[] => {
    const meant = known.includes(key) ? undefined : nearest(key, known)
    if (meant === undefined) return []
    return [
      { path: [key], atKey: true, message: `unknown key "${key.slice(0, 60)}"`, hint: `did you mean "${meant}"?` },
    ]
  })
}
