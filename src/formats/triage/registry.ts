import { z } from 'zod'
import { LoopwrightError, messageOf } from '../../core/errors.ts'
import type { Problem } from '../../core/spec/problems.ts'
import { parseCadence } from '../../core/triage/cadence.ts'
import { levels } from '../../core/triage/level.ts'
import { type Pattern, sourceNames } from '../../core/triage/pattern.ts'
import { parseYaml, validate } from '../yaml.ts'
import { requireSmall } from './bounds.ts'
import { defaultPriority, defaultSources } from './patterns.ts'

const maxText = 2000
const maxPatterns = 500

const says = (hint: string) => ({ params: { hint } })
const words = z
  .string()
  .refine((text) => text.trim() !== '', { message: 'must not be empty' })
  .refine((text) => text.length <= maxText, { message: `is too long, at most ${maxText} characters` })
const list = z.array(words).refine((items) => items.length <= 100, { message: 'too many, at most 100' })
const atLeast = (least: number) =>
  list.refine((items) => items.length >= least, {
    message: `needs at least ${least}`,
    ...says(`write ${least === 1 ? 'one' : 'two'} or more: [${least === 1 ? 'design-decisions' : 'report, escalate'}]`),
  })
const tokens = z.int().min(0).max(1e12)

const cadence = words.transform((text, ctx) => {
  try {
    return parseCadence(text)
  } catch (error) {
    const hint = error instanceof LoopwrightError ? error.hint : undefined
    ctx.addIssue({ code: 'custom', message: messageOf(error), ...(hint === undefined ? {} : says(hint)) })
    return z.NEVER
  }
})

const entry = z.looseObject({
  id: z.string().refine((id) => /^[a-z][a-z0-9-]{0,63}$/.test(id), {
    message: 'an id is small letters, digits and -, and begins with a letter',
    ...says('for example: daily-triage'),
  }),
  name: words,
  file: words.exactOptional(),
  goal: words.refine((goal) => goal.trim().length >= 10, {
    message: 'is too short, at least 10 characters',
    ...says('say what shall be true in the end'),
  }),
  cadence,
  risk: z.enum(['low', 'medium', 'high']),
  tools: list.default([]),
  skills: list.default([]),
  state: words.refine(isStatePath, {
    message: 'must be a Markdown file of the project that is nothing else',
    ...says('for example: STATE.md'),
  }),
  phases: atLeast(2),
  human_gates: atLeast(1),
  starter: words.exactOptional(),
  week_one_mode: z.enum(levels),
  token_cost: z.enum(['low', 'medium', 'high', 'very-high']),
  cost: z.looseObject({
    tokens_noop: tokens,
    tokens_report: tokens,
    tokens_action: tokens,
    stable_fraction: z.number().min(0).max(1).default(0.35),
    suggested_daily_cap: tokens,
    early_exit_required: z.boolean(),
  }),
  // Ours; other tools do not know them and need not.
  sources: z.array(z.enum(sourceNames)).exactOptional(),
  priority: z.number().min(-1000).max(1000).exactOptional(),
})

const registry = z.looseObject({
  patterns: z
    .array(entry)
    .refine((patterns) => patterns.length > 0, {
      message: 'there is no pattern',
      ...says('add one: - id: daily-triage'),
    })
    .refine((patterns) => patterns.length <= maxPatterns, { message: `too many, at most ${maxPatterns}` }),
})

/**
 * Reads a loop-engineering `registry.yaml`. Keys that are not known are left out. Throws one `bad_input` that lists what is wrong with
 * file, line and column: missing fields, unknown cadences, ids that are there twice, tabs. `path` is what errors and patterns name.
 */
export function parseRegistry(text: string, path: string): Pattern[] {
  requireSmall(text, path, 'a registry holds patterns only')
  const parsed = parseYaml(text, path)
  const { value } = parsed
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new LoopwrightError('bad_input', `${parsed.where([])}: there is no "patterns:" in this file`, {
      hint: 'a registry begins with a line "patterns:", and its patterns follow as "- id: …"',
    })
  return validate(registry, parsed, twice(value)).patterns.map((given) => toPattern(given, path))
}

function toPattern(given: z.output<typeof entry>, origin: string): Pattern {
  const { cost } = given
  return {
    id: given.id,
    name: given.name.trim(),
    goal: given.goal.trim(),
    cadence: given.cadence,
    risk: given.risk,
    tools: given.tools,
    skills: given.skills,
    state: given.state,
    phases: given.phases,
    humanGates: given.human_gates,
    weekOneMode: given.week_one_mode,
    tokenCost: given.token_cost,
    cost: {
      tokensNoop: cost.tokens_noop,
      tokensReport: cost.tokens_report,
      tokensAction: cost.tokens_action,
      stableFraction: cost.stable_fraction,
      suggestedDailyCap: cost.suggested_daily_cap,
      earlyExitRequired: cost.early_exit_required,
    },
    sources: given.sources ?? defaultSources(given.id),
    priority: given.priority ?? defaultPriority(given.id),
    ...(given.file === undefined ? {} : { file: given.file }),
    ...(given.starter === undefined ? {} : { starter: given.starter }),
    origin,
  }
}

/** Ids that an earlier pattern has; found on the raw value, so that they are listed with all else that is wrong. */
function twice(value: object): Problem[] {
  const patterns: unknown = Reflect.get(value, 'patterns')
  if (!Array.isArray(patterns)) return []
  const first = new Map<string, number>()
  return patterns.flatMap((one: unknown, i): Problem[] => {
    const id: unknown = typeof one === 'object' && one !== null ? Reflect.get(one, 'id') : undefined
    if (typeof id !== 'string') return []
    const before = first.get(id)
    if (before === undefined) {
      first.set(id, i)
      return []
    }
    const message = `patterns[${i}].id: "${id.slice(0, 64)}" is the id of patterns[${before}] already`
    return [{ path: ['patterns', i, 'id'], message, hint: 'give it an id of its own, or remove one of the two' }]
  })
}

/** What agents or we take for instructions: titles from outside, as a state file holds them, must not get there. */
const instructions =
  /^(?:agents|claude|gemini|copilot-instructions|skill|loop|loop-constraints|loop-budget|loop-run-log)\.md$/i

/** The state file is written by the loop: it may lie nowhere but in the project, and may be nothing but Markdown of its own. */
function isStatePath(path: string): boolean {
  const parts = path.split('/')
  return (
    /^[^\\\p{Cc}:*?"<>|]+\.md$/u.test(path) &&
    parts.every((part) => part !== '' && part !== '.' && part !== '..' && part.toLowerCase() !== '.git') &&
    !instructions.test(parts.at(-1) ?? '')
  )
}
