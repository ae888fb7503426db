import { z } from 'zod'
import { approvals, sandbox } from './confine.ts'
import { commands, duration, durationOrNever, texts } from './parts.ts'

export const name = z.string().trim().min(1)
export const whole = z.int().min(1)
/** A model: no program may take it for an option. */
export const model = name.regex(/^[^-]/, 'a model does not begin with -')

/** Another agent, model or instructions for one role. */
export const role = z.strictObject({
  agent: name.optional().describe('the agent for this role; absent: the agent of the run'),
  model: model.optional().describe('the model for this role'),
  instructions: z.string().optional().describe('added to the system prompt of this role'),
  fallback: name.optional().describe('the agent that takes over when this one is at its limit or not logged in'),
})

/** Commands around a step. */
export const hook = commands.prefault([])

/** The caps of a run that do not depend on its kind. */
export const budgetFields = {
  duration: duration.optional().describe('at most this much active time; a blocked worker is ended, its work kept'),
  tokens: whole.optional().describe('at most this many tokens'),
  cost: z.number().positive().optional().describe('at most this much money, in US dollars'),
  agentCalls: whole.optional().describe('at most this many calls of agents, intake included'),
  agents: whole.optional().describe('at most this many agents in all'),
  seconds: duration.optional().describe('wall-clock cap checked between phases only; never interrupts a worker'),
}

/** What every kind of loop that leads agents in a workspace is told. */
export const shared = {
  name: name.optional().describe('what the loop is called in lists'),
  agent: name.optional().describe('the agent that does the work; absent: found by itself'),
  model: model.optional().describe('the model the agent shall use'),
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
  timeout: duration.optional().describe('time limit of each call of an agent; absent: none'),
  stall: durationOrNever
    .optional()
    .describe('end a call of an agent that neither printed nor worked for so long, or never; absent: 15 minutes'),
  isolation: z.enum(['worktree', 'inplace']).default('worktree').describe('where the work happens'),
  cleanup: z
    .enum(['auto', 'always', 'never'])
    .default('auto')
    .describe('what becomes of the worktree: auto keeps it when something changed'),
  base: name.optional().describe('the branch or commit to start from; absent: HEAD'),
  skipPermissions: z.boolean().default(false).describe('the agent acts without asking for permission'),
  approvals: approvals.prefault({}).describe('what is answered to an agent that asks for permission'),
  sandbox: sandbox.prefault({}).describe('how agents and the commands of the run are confined'),
  workspace: z
    .strictObject({
      setup: commands.prefault([]).describe('commands that prepare a fresh worktree'),
      copy: texts.prefault([]).describe('untracked files to copy into a fresh worktree; paths or globs'),
    })
    .prefault({})
    .describe('how a fresh worktree is prepared'),
  labels: z.record(z.string(), z.string()).default({}).describe('names and values to find the run by'),
}
