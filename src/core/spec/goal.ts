import { z } from 'zod'
import { commands, duration, texts } from './parts.ts'
import { budgetFields, hook, name, role, shared, whole } from './shared.ts'

/** The longest goal, in characters. */
export const maxGoalLength = 1_000_000

/** A story of a backlog. Higher-priority stories (smaller numbers) come first. */
export const story = z.strictObject({
  id: name.describe('unique in the backlog'),
  title: name.describe('one line'),
  description: z.string().default('').describe('what is wanted, and why'),
  criteria: texts.prefault([]).describe('when the story is done'),
  priority: z.number().default(0).describe('smaller comes first'),
  passes: z.boolean().default(false).describe('true once the story is done'),
})
export type Story = z.output<typeof story>

const budget = z.strictObject({
  iterations: whole.default(4).describe('at most this many iterations'),
  ...budgetFields,
})

/**
 * What a goal loop is told. Durations are parsed to seconds, commands to CommandSpec, single texts to lists; a parsed spec is
 * plain JSON and parses again to itself.
 */
export const goalSpec = z
  .strictObject({
    kind: z.literal('goal').default('goal').describe('the kind of the loop'),
    name: shared.name,
    goal: z
      .string('the goal must be text')
      .trim()
      .min(1, 'the goal is empty')
      .max(maxGoalLength, {
        error: (issue) => `the goal is too long: ${String(issue.input).length} characters, at most ${maxGoalLength}`,
      })
      .describe('what shall be reached'),
    criteria: texts
      .prefault([])
      .describe('when the goal is reached: one text or a list; absent: the agent proposes them'),
    agent: shared.agent,
    model: shared.model,
    agentCommand: shared.agentCommand,
    agentProtocol: shared.agentProtocol,
    fallback: shared.fallback,
    roles: z
      .strictObject({
        decomposer: role.optional().describe('splits the goal into subgoals'),
        worker: role.optional().describe('works on one subgoal'),
        reviewer: role.optional().describe('judges the work'),
        criteria: role.optional().describe('proposes success criteria'),
        clarifier: role.optional().describe('asks what is unclear'),
      })
      .prefault({})
      .describe('other agents, models or instructions for single roles'),
    verify: commands.prefault([]).describe('commands that must pass: a line, or { name, run | shell, timeout, env }'),
    verifyTimeout: duration.optional().describe('time limit of each check that sets none of its own'),
    budget: budget.prefault({}).describe('where the run stops'),
    timeout: shared.timeout,
    stall: shared.stall,
    concurrency: z.int().min(1).max(64).default(8).describe('workers at once'),
    parallel: z.boolean().default(true).describe('false: one worker after another'),
    retries: z.int().min(0).max(20).default(1).describe('more tries for a subgoal that failed'),
    maxSubgoals: z.int().min(1).max(100).default(12).describe('at most this many subgoals in one iteration'),
    isolation: shared.isolation,
    cleanup: shared.cleanup,
    base: shared.base,
    skipPermissions: shared.skipPermissions,
    approvals: shared.approvals,
    sandbox: shared.sandbox,
    ask: z.boolean().default(false).describe('suspend with questions instead of guessing'),
    playwright: z.boolean().default(false).describe('check with `npx playwright test` and tell the agents so'),
    workspace: shared.workspace,
    hooks: z
      .strictObject({
        beforeIteration: hook.describe('before each iteration'),
        afterIteration: hook.describe('after each iteration'),
        beforeWorker: hook.describe('before each worker'),
        afterWorker: hook.describe('after each worker'),
        beforeAccept: hook.describe('before the work is accepted'),
        afterAccept: hook.describe('after the work was accepted'),
      })
      .prefault({})
      .describe('commands around the steps; exit code 2 blocks, and stderr is feedback'),
    labels: shared.labels,
    plan: z
      .strictObject({
        file: name.optional().describe('the file it was read from; stories that pass are marked in it, on the branch'),
        stories: z.array(story).min(1, 'the plan has no story').describe('the backlog'),
      })
      .optional()
      .describe('a backlog: one story per iteration until all pass'),
    attempts: z.int().min(1).max(16).optional().describe('independent attempts; the best one is kept'),
    attemptAgents: z.array(name).min(1).max(16).optional().describe('the agents of the attempts, in turn'),
  })
  .superRefine((spec, ctx) => {
    if (spec.attemptAgents !== undefined && spec.attempts === undefined)
      ctx.addIssue({
        code: 'custom',
        path: ['attemptAgents'],
        message: 'attemptAgents needs attempts',
        params: { hint: 'add attempts: 2' },
      })
    const seen = new Set<string>()
    for (const [at, { id }] of (spec.plan?.stories ?? []).entries()) {
      if (seen.has(id))
        ctx.addIssue({
          code: 'custom',
          path: ['plan', 'stories', at, 'id'],
          message: `the story id "${id}" is used twice`,
        })
      seen.add(id)
    }
  })

/** A parsed goal spec: every default filled in. */
export type GoalSpec = z.output<typeof goalSpec>
/** What may be written in a file or given to the library. */
export type GoalInput = z.input<typeof goalSpec>

/** The JSON Schema (draft 2020-12) of a goal file, for editors. */
export function goalJsonSchema(): Record<string, unknown> {
  return { title: 'loopwright goal loop', ...z.toJSONSchema(goalSpec, { io: 'input', unrepresentable: 'any' }) }
}
