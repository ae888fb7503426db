import { z } from 'zod'
import { type Direction, directionSigns, directions } from '../metric.ts'
import { jsonPath, regexProblem } from '../read-metric.ts'
import { browserPlay } from './browser.ts'
import { maxGoalLength } from './goal.ts'
import { command, duration, durationOrNever, texts } from './parts.ts'
import { budgetFields, hook, name, role, shared, whole } from './shared.ts'

/** The stages of a round, in their order. */
export const stages = ['play', 'scan', 'fix', 'verify', 'improve'] as const
export type StageName = (typeof stages)[number]

/** The role an agent has in a stage. */
export const stageRoles = {
  play: 'player',
  scan: 'scanner',
  fix: 'fixer',
  verify: 'verifier',
  improve: 'improver',
} as const satisfies Readonly<Record<StageName, string>>

/** Rounds where nobody says how many. */
export const defaultRounds = 10

const agentStage = z.strictObject({
  agent: z.string().describe('what the agent shall do in this stage, on top of the mission; may be empty'),
  using: name.optional().describe('the agent; absent: the one of the role, else of the run'),
})
const browserStage = z.strictObject({ browser: browserPlay.describe('a page is played in a real browser') })
const stage = z.union([agentStage, command])
const playStage = z.union([agentStage, browserStage, command])

const direction = z
  .enum([...directions, '>=', '<=', '>', '<', '=', '=='])
  .transform((given): Direction => directionSigns[given] ?? (given as Direction))

const tolerance = z.union([
  z.number().min(0),
  z.string().regex(/^\s*\d+(?:\.\d+)?\s*%?\s*$/, 'expected an amount, or a share as "5%"'),
])

const baseline = z
  .strictObject({
    enabled: z.boolean().default(true).describe('false: nothing is measured'),
    command: command.optional().describe('prints the metric; runs when verify passed'),
    metric: name.default('metric').describe('what the metric is called'),
    regex: z.string().optional().describe('reads the metric: its first group, in the last line it fits'),
    json: name.optional().describe('reads the metric: a path as a.b[0].c into the last JSON value printed'),
    last: z
      .literal(true)
      .optional()
      .describe('reads the metric: the last number printed; so too where nothing is said'),
    value: z.number().optional().describe('what the metric is compared with'),
    direction: direction.default('greater_equal').describe('how: >=, <=, >, <, = or their names'),
    tolerance: tolerance.default(0).describe('what counts as noise: an amount, or a share as 5%'),
    samples: z.int().min(1).max(50).default(1).describe('the best of so many measurements counts'),
    improve: z
      .boolean()
      .default(false)
      .describe('the metric must get better than the best before; value is optional then'),
  })
  .superRefine((value, ctx) => {
    const issue = (path: string[], message: string, hint: string) =>
      ctx.addIssue({ code: 'custom', path, message, params: { hint } })
    const ways = [value.regex, value.json, value.last].filter((way) => way !== undefined)
    if (ways.length > 1) issue([], 'give one of regex, json and last', 'remove the others')
    const problem = value.regex === undefined ? undefined : regexProblem(value.regex)
    if (problem !== undefined) issue(['regex'], problem, 'for example: score=([0-9.]+)')
    if (value.json !== undefined && jsonPath(value.json) === undefined)
      issue(['json'], `${JSON.stringify(value.json)} is no path`, 'for example: total.lines[0].pct')
    if (!value.enabled) return
    if (value.command === undefined) issue([], 'the command that prints the metric is missing', 'add command: …')
    if (value.value === undefined && !value.improve)
      issue([], 'there is nothing to compare the metric with', 'add value: 0.9, or improve: true')
    if (value.improve && value.direction === 'equal' && value.value === undefined)
      issue(['direction'], 'equal to what? the value is missing', 'add value: …')
  })

const budget = z.strictObject({
  iterations: whole.optional().describe(`at most this many rounds; absent: ${defaultRounds}`),
  ...budgetFields,
})

/**
 * What a repair loop is told. Durations are parsed to seconds, commands to CommandSpec, `rounds` to `budget.iterations`; a parsed
 * spec is plain JSON and parses again to itself.
 */
export const repairSpec = z
  .strictObject({
    kind: z.literal('repair').describe('the kind of the loop'),
    name: shared.name,
    mission: z
      .string('the mission must be text')
      .trim()
      .min(1, 'the mission is empty')
      .max(maxGoalLength, `the mission is too long, at most ${maxGoalLength} characters`)
      .describe('what shall be healthy in the end'),
    rounds: whole.optional().describe('at most this many rounds; stands before budget.iterations'),
    folder: name.optional().describe('the loop folder, {workspace} in commands; absolute, or from the file'),
    project: name.optional().describe('the project; absolute, or from the file; absent: where the run is started'),
    stages: z
      .strictObject({
        play: playStage.optional().describe('uses the thing as a person would'),
        scan: stage.optional().describe('looks for what is wrong without running it'),
        fix: stage.optional().describe('runs when play, scan or the last verify failed'),
        verify: stage.describe('decides whether it is repaired'),
        improve: stage.optional().describe('runs when only the baseline fails'),
      })
      .describe('commands, { agent: what to do }, or for play { browser: … }'),
    baseline: baseline.optional().describe('a metric, and what is wanted of it'),
    limits: z
      .strictObject({
        commandTimeout: duration.default(900).describe('time limit of each command that sets none of its own'),
        stall: durationOrNever
          .default(300)
          .describe('end a command that neither printed nor worked for so long, or never'),
        consecutiveFailures: z.int().min(0).default(3).describe('more failed rounds than this in a row block the run'),
      })
      .prefault({})
      .describe('where commands and rounds are ended'),
    knowledge: z.boolean().default(true).describe('what rounds taught is given to the next fix'),
    changes: z
      .strictObject({
        maxFiles: whole.optional().describe('at most this many changed files in all'),
        maxLines: whole.optional().describe('at most this many lines added and removed in all'),
        deny: texts.prefault([]).describe('globs of files that must not change'),
        allow: texts.prefault([]).describe('globs of the only files that may change; absent: all'),
      })
      .prefault({})
      .describe('what may change; a round that changes more is rolled back'),
    agent: shared.agent,
    model: shared.model,
    agentCommand: shared.agentCommand,
    agentProtocol: shared.agentProtocol,
    fallback: shared.fallback,
    roles: z
      .strictObject({
        fixer: role.optional().describe('mends what failed'),
        improver: role.optional().describe('betters the metric'),
        player: role.optional().describe('uses the thing'),
        scanner: role.optional().describe('looks for what is wrong'),
        verifier: role.optional().describe('decides whether it is repaired'),
      })
      .prefault({})
      .describe('other agents, models or instructions for single roles'),
    budget: budget.prefault({}).describe('where the run stops'),
    timeout: shared.timeout,
    stall: shared.stall,
    retries: z.int().min(0).max(20).default(1).describe('more tries for a call of an agent that failed'),
    isolation: shared.isolation,
    cleanup: shared.cleanup,
    base: shared.base,
    skipPermissions: shared.skipPermissions,
    approvals: shared.approvals,
    sandbox: shared.sandbox,
    workspace: shared.workspace,
    hooks: z
      .strictObject({
        beforeIteration: hook.describe('before each round'),
        afterIteration: hook.describe('after each round'),
        beforeAccept: hook.describe('before the run completes'),
        afterAccept: hook.describe('after it completed'),
      })
      .prefault({})
      .describe('commands around the rounds; exit code 2 blocks, and stderr is feedback'),
    labels: shared.labels,
  })
  .transform(({ rounds, ...spec }) => ({
    ...spec,
    budget: { ...spec.budget, iterations: rounds ?? spec.budget.iterations ?? defaultRounds },
  }))

/** A parsed repair spec: every default filled in. */
export type RepairSpec = z.output<typeof repairSpec>
/** What may be written in a file or given to the library. */
export type RepairInput = z.input<typeof repairSpec>
export type Stage = NonNullable<RepairSpec['stages'][StageName]>
export type Baseline = NonNullable<RepairSpec['baseline']>
export type ChangePolicy = RepairSpec['changes']

/** The roles of a run: what `roles` says, and over it the agent that a stage names itself. */
export function rolesOf(spec: Pick<RepairSpec, 'roles' | 'stages'>): RepairSpec['roles'] {
  const named = stages.flatMap((at) => {
    const one = spec.stages[at]
    if (one === undefined || !('agent' in one) || one.using === undefined) return []
    return [[stageRoles[at], { ...spec.roles[stageRoles[at]], agent: one.using }] as const]
  })
  return { ...spec.roles, ...Object.fromEntries(named) }
}

/** The JSON Schema (draft 2020-12) of a repair file, for editors. */
export function repairJsonSchema(): Record<string, unknown> {
  return { title: 'loopwright repair loop', ...z.toJSONSchema(repairSpec, { io: 'input', unrepresentable: 'any' }) }
}
