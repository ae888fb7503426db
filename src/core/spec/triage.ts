import { z } from 'zod'
import type { GatePolicy } from '../triage/gate.ts'
import { levels } from '../triage/level.ts'
import { type Pattern, sourceNames } from '../triage/pattern.ts'
import { commands, duration, texts } from './parts.ts'
import { budgetFields, name, role, shared, whole } from './shared.ts'

const cadence = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('range'), text: name, minMs: z.number().positive(), maxMs: z.number().positive() }),
  z.strictObject({ kind: z.literal('cron'), text: name }),
])

const tokens = z.int().min(0)

const pattern: z.ZodType<Pattern> = z.strictObject({
  id: z.string().regex(/^[a-z][a-z0-9-]*$/, 'a pattern id is small letters, digits and -'),
  name,
  goal: name,
  cadence,
  risk: z.enum(['low', 'medium', 'high']),
  tools: z.array(z.string()),
  skills: z.array(z.string()),
  state: name,
  phases: z.array(z.string()),
  humanGates: z.array(z.string()),
  weekOneMode: z.enum(levels),
  tokenCost: z.enum(['low', 'medium', 'high', 'very-high']),
  cost: z.strictObject({
    tokensNoop: tokens,
    tokensReport: tokens,
    tokensAction: tokens,
    stableFraction: z.number().min(0).max(1),
    suggestedDailyCap: tokens,
    earlyExitRequired: z.boolean(),
  }),
  sources: z.array(z.enum(sourceNames)),
  priority: z.number(),
  file: z.string().exactOptional(),
  starter: z.string().exactOptional(),
  origin: z.string().exactOptional(),
})

const gate: z.ZodType<GatePolicy> = z.strictObject({
  denylist: z.array(z.string()),
  maxFiles: whole,
  maxLines: whole.optional(),
  autoMergeAllowlist: z.array(z.string()),
  origin: z.string().optional(),
})

/** Where a change goes that the gate lets through: its own branch, a pull request, or the branch the user is on. */
export const deliveries = ['branch', 'pull_request', 'merge'] as const

/**
 * What one tick of a triage loop is told: its pattern, its level, and the policies as the project's owner had them when it began, so
 * that nothing a change edits rules over that change. Durations are seconds. A parsed spec is plain JSON and parses again to itself.
 */
export const triageSpec = z.strictObject({
  kind: z.literal('triage').describe('the kind of the loop'),
  name: shared.name,
  pattern: pattern.describe('what is looked for, and how often'),
  level: z.enum(levels).describe('how far the tick may go'),
  dryRun: z.boolean().default(false).describe('nothing is recorded, committed or sent'),
  tick: whole.default(1).describe('which of the ticks asked for together it is'),
  root: name.describe('the project; absolute'),
  own: texts.prefault([]).describe('files the loop keeps, from the top of the repository: no change may touch them'),
  item: name.optional().describe('the only finding it may act on'),
  request: z
    .strictObject({ text: z.string().max(20_000), by: name })
    .optional()
    .describe('what somebody asked for, in their words'),
  verify: commands.prefault([]).describe('commands a change must pass'),
  verifyTimeout: duration.default(900).describe('time limit of each of them'),
  deliver: z.enum(deliveries).default('branch').describe('where a change goes that passed'),
  gate: gate.describe('what changes may do without a human'),
  maxAttempts: whole.default(3).describe('at most so many tries for one finding'),
  reportOnlyAt: z
    .number()
    .min(0)
    .max(1)
    .default(0.8)
    .describe('from this share of the day’s tokens on it only reports'),
  runsPerDay: z.int().min(0).optional().describe('at most so many ticks of the pattern per UTC day'),
  rules: texts.prefault([]).describe('rules in plain words that agents are given'),
  skills: z
    .array(z.strictObject({ name, text: z.string().max(20_000) }))
    .default([])
    .describe('what the project taught agents to do'),
  agent: shared.agent,
  model: shared.model,
  agentCommand: shared.agentCommand,
  agentProtocol: shared.agentProtocol,
  fallback: shared.fallback,
  roles: z
    .strictObject({
      triager: role.optional().describe('decides what matters'),
      implementer: role.optional().describe('makes the change'),
      verifier: role.optional().describe('judges it'),
    })
    .prefault({})
    .describe('other agents, models or instructions for single roles'),
  budget: z
    .strictObject({ iterations: whole.optional(), ...budgetFields })
    .prefault({})
    .describe('where a tick stops'),
  timeout: shared.timeout,
  stall: shared.stall,
  retries: z.int().min(0).max(20).default(1).describe('more tries for a call of an agent that failed'),
  isolation: z.literal('worktree').default('worktree').describe('a tick works in a worktree of its own, always'),
  cleanup: shared.cleanup,
  base: shared.base,
  skipPermissions: shared.skipPermissions,
  approvals: shared.approvals,
  sandbox: shared.sandbox,
  workspace: shared.workspace,
  labels: shared.labels,
})

/** A parsed triage spec: every default filled in. */
export type TriageSpec = z.output<typeof triageSpec>
export type TriageInput = z.input<typeof triageSpec>
