import { z } from 'zod'
import { sandbox } from '../core/spec/confine.ts'
import { commands, duration, durationOrNever } from '../core/spec/parts.ts'
import { model } from '../core/spec/shared.ts'
import { deliveries } from '../core/spec/triage.ts'
import { levels } from '../core/triage/level.ts'
import type { Notice } from '../core/triage/ports.ts'
import { connectors } from './connector-schema.ts'

const name = z.string().trim().min(1)
const whole = z.int().min(1)
const price = z.number().min(0)

const fields = {
  agent: name.optional().describe('the agent that does the work'),
  model: model.optional().describe('the model the agent shall use'),
  concurrency: z.int().min(1).max(64).optional().describe('workers at once'),
  retries: z.int().min(0).max(20).optional().describe('more tries for a subgoal that failed'),
  isolation: z.enum(['worktree', 'inplace']).optional().describe('where the work happens'),
  cleanup: z.enum(['auto', 'always', 'never']).optional().describe('what becomes of the worktree'),
  stall: durationOrNever.optional().describe('an agent that neither printed nor worked for so long is ended; or never'),
  fallback: name.optional().describe('the agent that takes over when another is at its limit or not logged in'),
  budget: z
    .strictObject({
      iterations: whole.optional(),
      duration: duration.optional(),
      tokens: whole.optional(),
      cost: z.number().positive().optional(),
      agentCalls: whole.optional(),
      agents: whole.optional(),
      seconds: duration.optional(),
    })
    .optional()
    .describe('where a run stops'),
  triage: z
    .strictObject({
      verify: commands.optional().describe('commands a change of a triage loop must pass'),
      deliver: z.enum(deliveries).optional().describe('where a change goes that passed: branch, pull_request, merge'),
      timezone: name.optional().describe('of cron times and of days: Europe/Berlin; absent: UTC'),
      level: z.enum(levels).optional().describe('the level of patterns, instead of what the registry says'),
      maxLines: whole.optional().describe('more lines added and removed than this go to a human'),
    })
    .optional()
    .describe('how triage loops work here'),
  prices: z
    .record(
      z.string(),
      z.strictObject({ input: price, output: price, cacheRead: price.optional(), cacheWrite: price.optional() }),
    )
    .optional()
    .describe('US dollars per million tokens, by model'),
  agents: z
    .record(
      z.string().regex(/^[a-z0-9][a-z0-9_-]*$/i, 'the name of an agent is letters, digits, - and _'),
      z.strictObject({
        command: z.union([name, z.array(z.string()).min(1)]),
        protocol: z.enum(['text', 'acp']).optional().describe('what it speaks: text, or the Agent Client Protocol'),
        model: model.optional(),
        env: z.record(z.string(), z.string()).optional(),
      }),
    )
    .optional()
    .describe('commands to use as agents'),
}

const variable = z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'the name of a variable is letters, digits and _')
/** Kinds of notices one can ask for; a test goes to all. */
const noticeKinds = [
  'escalation',
  'halted',
  'failed',
  'proposed',
  'merged',
  'reported',
] as const satisfies readonly Notice['kind'][]
const told = { on: z.array(z.enum(noticeKinds)).optional().describe('what it is told of') }
const hook = { url: name.optional(), urlEnv: variable.optional(), ...told }

function oneAddress(
  { url, urlEnv }: { readonly url?: unknown; readonly urlEnv?: unknown },
  ctx: z.RefinementCtx,
): void {
  if ((url === undefined) !== (urlEnv === undefined)) return
  const message = url === undefined ? 'no address is given' : 'two addresses are given'
  ctx.addIssue({ code: 'custom', message, params: { hint: 'give url, or urlEnv: the variable that holds it' } })
}

const notify = z
  .array(
    z.discriminatedUnion('kind', [
      z.strictObject({ kind: z.literal('slack'), ...hook }).superRefine(oneAddress),
      z.strictObject({ kind: z.literal('discord'), ...hook }).superRefine(oneAddress),
      z.strictObject({ kind: z.literal('webhook'), ...hook, secretEnv: variable.optional() }).superRefine(oneAddress),
      z.strictObject({ kind: z.literal('desktop'), ...told }),
    ]),
  )
  .max(20)

/** The user's own config.yaml. */
export const userConfig = z.strictObject({
  ...fields,
  home: name.optional().describe('where state is kept; absolute'),
  sandbox: sandbox.optional().describe('how agents and the commands of runs are confined'),
  notify: notify.optional().describe('who is told of what happens'),
  connectors: connectors.optional().describe('MCP servers that triage loops get findings from'),
})

/**
 * A project's config.yaml: never where our own state is, how it is confined, who is told of it nor what servers are started, or its owner
 * could read and change what he likes.
 */
export const projectConfig = z.strictObject({
  ...fields,
  home: refused('a project cannot set where state is kept', 'set LOOPWRIGHT_HOME, or home in your own config.yaml'),
  sandbox: refused('a project cannot set how it is confined', 'set sandbox in your own config.yaml, or in a loop file'),
  notify: refused('a project cannot choose who is told of what happens', 'set notify in your own config.yaml'),
  connectors: refused('a project cannot choose connectors', 'set connectors in your own config.yaml'),
})

function refused(message: string, hint: string) {
  return z
    .unknown()
    .optional()
    .superRefine((value, ctx) => {
      if (value !== undefined) ctx.addIssue({ code: 'custom', message, params: { hint } })
    })
}

export type FileConfig = z.output<typeof userConfig>
export type AgentTemplate = NonNullable<FileConfig['agents']>[string]
export type Price = NonNullable<FileConfig['prices']>[string]
