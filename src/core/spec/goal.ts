import { z } from 'zod'
import { approvals, sandbox } from './confine.ts'
import { commands, duration, durationOrNever, texts } from './parts.ts'

/** The longest goal, in characters. */
export const maxGoalLength = 1_000_000

const name = z.string().trim().min(1)
const whole = z.int().min(1)

const role = z.strictObject({
  agent: name.optional().describe('the agent for this role; absent: the agent of the run'),
  model: name.optional().describe('the model for this role'),
  instructions: z.string().optional().describe('added to the system prompt of this role'),
  fallback: name.optional().describe('the agent that takes over when this one is at its limit or not logged in'),
})

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

const hook = commands.prefault([])
const budget = z.strictObject({
  iterations: whole.default(4).describe('at most this many iterations'),
  duration: duration.optional().describe('at most this much active time; a blocked worker is ended, its work kept'),
  tokens: whole.optional().describe('at most this many tokens'),
  cost: z.number().positive().optional().describe('at most this much money, in US dollars'),
  agentCalls: whole.optional().describe('at most this many calls of agents, intake included'),
  agents: whole.optional().describe('at most this many agents in all'),
  seconds: duration.optional().describe('wall-clock cap checked between phases only; never interrupts a worker'),
})

/**
 * What a goal loop is told. Durations are parsed to seconds, commands to CommandSpec, single texts to lists; a parsed spec is
 * plain JSON and parses again to itself.
 */
export const goalSpec = z
  .strictObject({
    kind: z.literal('goal').default('goal').describe('the kind of the loop'),
    name: name.optional().describe('what the loop is called in lists'),
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
    agent: name.optional().describe('the agent that does the work; absent: found by itself'),
    model: name.optional().describe('the model the agent shall use'),
    agentCommand: z
      .union([z.string().trim().min(1), z.array(z.string()).min(1)])
      .optional()
      .describe(
        'a command to use as the agent, with {prompt}, {system} or {combined}; with none the prompt goes to stdin',
      ),
    agentProtocol: z
      .enum(['text', 'acp'])
      .default('text')
      .describe('what agentCommand speaks: text, or the Agent Client Protocol'),
    fallback: name
      .optional()
      .describe('the agent that takes over when the one of a role is at its limit or not logged in'),
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
    timeout: duration.optional().describe('time limit of each call of an agent; absent: none'),
    stall: durationOrNever
      .optional()
      .describe('end a call of an agent that neither printed nor worked for so long, or never; absent: 15 minutes'),
    concurrency: z.int().min(1).max(64).default(8).describe('workers at once'),
    parallel: z.boolean().default(true).describe('false: one worker after another'),
    retries: z.int().min(0).max(20).default(1).describe('more tries for a subgoal that failed'),
    maxSubgoals: z.int().min(1).max(100).default(12).describe('at most this many subgoals in one iteration'),
    isolation: z.enum(['worktree', 'inplace']).default('worktree').describe('where the work happens'),
    cleanup: z
      .enum(['auto', 'always', 'never'])
      .default('auto')
      .describe('what becomes of the worktree: auto keeps it when something changed'),
    base: name.optional().describe('the branch or commit to start from; absent: HEAD'),
    skipPermissions: z.boolean().default(false).describe('the agent acts without asking for permission'),
    approvals: approvals.prefault({}).describe('what is answered to an agent that asks for permission'),
    sandbox: sandbox.prefault({}).describe('how agents and the commands of the run are confined'),
    ask: z.boolean().default(false).describe('suspend with questions instead of guessing'),
    playwright: z.boolean().default(false).describe('check with `npx playwright test` and tell the agents so'),
    workspace: z
      .strictObject({
        setup: commands.prefault([]).describe('commands that prepare a fresh worktree'),
        copy: texts.prefault([]).describe('untracked files to copy into a fresh worktree; paths or globs'),
      })
      .prefault({})
      .describe('how a fresh worktree is prepared'),
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
    labels: z.record(z.string(), z.string()).default({}).describe('names and values to find the run by'),
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
