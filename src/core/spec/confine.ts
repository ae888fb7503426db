import { z } from 'zod'
import type { ApprovalPolicy, SandboxMode } from '../ports.ts'
import { texts } from './parts.ts'

const modes: readonly SandboxMode[] = ['auto', 'bwrap', 'srt', 'none']
const mode = z
  .enum(modes)
  .describe(
    'auto: agents that act without asking are confined, by what works here; bwrap, srt: all are; none: no one is',
  )

/** `open`, `none`, or a list of hosts; a single host may be written as text. Parsed to itself, hosts to a list. */
const network = z
  .union([z.enum(['open', 'none']), texts])
  .describe('open, none, or the hosts that may be reached besides those of the agent itself: a list, as `registries`')

const sandboxFields = z.strictObject({
  mode: mode.optional(),
  network: network.optional(),
  write: texts.prefault([]).describe('more paths that may be written; absolute or from ~'),
  read: texts.prefault([]).describe('paths that may be read though they are hidden; absolute or from ~'),
  env: texts.prefault([]).describe('more variables that come through; a * at the end stands for any rest'),
})

/** How a run's processes are confined; a mode alone, or an object. What was parsed parses again to itself. */
export const sandbox = z.union([mode.transform((one) => sandboxFields.parse({ mode: one })), sandboxFields])

/** How a run's processes are confined; what is absent, the user's configuration says. */
export type SandboxSpec = z.output<typeof sandboxFields>

const rule = z.strictObject({
  decision: z.enum(['allow', 'deny']),
  kind: z
    .enum(['read', 'edit', 'delete', 'move', 'search', 'execute', 'think', 'fetch', 'other'])
    .optional()
    .describe('absent: any'),
  match: z.string().min(1).optional().describe('compared with what is asked and with its paths; * stands for any text'),
})

/** What is answered to an agent that asks for permission. */
export const approvals = z.strictObject({
  mode: z
    .enum(['none', 'edits', 'all'])
    .default('edits')
    .describe('where no rule fits: nothing but reading, changes of the workspace, or everything'),
  rules: z.array(rule).default([]).describe('the first that fits decides'),
})

/** What somebody gave for `approvals` as the policy it means. */
export function approvalPolicy(given: z.output<typeof approvals>): ApprovalPolicy {
  return {
    mode: given.mode,
    rules: given.rules.map(({ decision, kind, match }) => ({
      decision,
      ...(kind === undefined ? {} : { kind }),
      ...(match === undefined ? {} : { match }),
    })),
  }
}
