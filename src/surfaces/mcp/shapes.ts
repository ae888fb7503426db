import { z } from 'zod'
import { levels } from '../../core/triage/level.ts'

/** Parameters and results of the tools: names and shapes that clients know, and what loopwright adds. */

const text = z.string().max(100_000)
const seconds = z.number().positive().max(31_536_000)
const texts = z.union([text, z.array(text).max(200)])

export const runId = text.min(1).max(200).describe('a run id, its beginning or end, or "last"')
export const token = text.min(1).max(2_000)
export const directory = text
  .min(1)
  .max(4_096)
  .describe('the project, an absolute path; absent: where the server was started')
export const detach = z
  .boolean()
  .default(true)
  .describe('true: answer at once and work in the background; false: answer when it is over, with progress')
export const answers = z.array(text).max(50).describe('one per question in order, or name=value')

/** What orchestrate and run_loop have in common. */
export const how = {
  backend: text.optional().describe('the agent that works, or "auto"; list_backends lists them'),
  caller_agent: text.max(100).optional().describe('the agent that calls, as "claude_code": auto prefers it'),
  cwd: directory.optional(),
  max_iterations: z.int().min(1).max(1_000_000).optional().describe('at most this many iterations (default 4)'),
  max_seconds: seconds.optional().describe('wall-clock time of the run, looked at between phases only'),
  timeout: seconds.optional().describe('seconds after which a call of the agent is ended and tried again'),
  model: text.max(500).optional().describe('the model the agent shall use'),
  skip_permissions: z.boolean().optional().describe('let the agent act without asking, confined in a sandbox'),
  isolate: z
    .boolean()
    .optional()
    .describe('true: in a git worktree on its own branch (the default); false: in the directory itself'),
  detach,
}

export const goal = z.strictObject({
  goal: z.string().max(1_000_000).describe('what shall be reached'),
  success_criteria: texts.optional().describe('when it is reached; absent: the agent proposes them'),
  verify_commands: texts.optional().describe('commands that must pass, as "npm test"; "shell: …" runs in a shell'),
  verify_timeout: seconds.optional().describe('seconds after which a check has failed'),
  playwright: z.boolean().optional().describe('check with npx playwright test'),
  ask: z.boolean().optional().describe('ask what is unclear first'),
  ...how,
})

export const loop = z.strictObject({
  loop: text
    .min(1)
    .max(4_096)
    .describe('a loop file or loop folder, from cwd, or a triage pattern; list_loops lists them'),
  level: z
    .enum(levels)
    .optional()
    .describe('of a pattern: L0 drafts, L1 reports, L2 changes on a branch; absent: the one it is set up for'),
  dry_run: z.boolean().optional().describe('of a pattern: goes all the way and leaves nothing'),
  item: text.min(1).max(400).optional().describe('of a pattern: the only finding it may act on, by its id'),
  ...how,
})

const count = z.number()
const place = z.looseObject({
  path: z.string(),
  branch: z.string().nullable(),
  changed_files: z.array(z.string()),
  checkpoints: z.array(z.looseObject({ iteration: count, commit: z.string() })),
})
const answerToken = z.string().optional().describe('answers go here, with orchestrate_resume')
const questions = z.array(z.unknown()).optional().describe('what the run asks')

const tick = z
  .looseObject({
    pattern: z.string(),
    level: z.string(),
    decision: z.string().describe('noop, report, act or halt'),
    outcome: z.string().describe('reported, committed, proposed, merged, rejected, escalated, denied, failed …'),
    reason: z.string(),
  })
  .optional()
  .describe('what a tick of a triage loop did')

/** A run that goes on in the background, asks something, or came to something. */
export const outcome = z.looseObject({
  status: z.string().describe('running, needs_input, done, stopped, paused, failed, cancelled or killed'),
  run_id: z.string(),
  run_dir: z.string().optional(),
  events_path: z.string().optional(),
  tail_command: z.string().optional(),
  message: z.string().optional(),
  completed: z.boolean().optional().describe('whether the goal was reached, by checks and review'),
  iterations: count.optional(),
  stop_reason: z.string().optional(),
  final_output: z.string().optional(),
  summary: z.string().optional().describe('one line'),
  history: z.array(z.unknown()).optional().describe('per iteration: subgoals, results, review, verification'),
  worktree: place.optional(),
  tick,
  questions,
  token: answerToken,
})

export const status = z.looseObject({
  run_id: z.string(),
  run_dir: z.string().nullable(),
  status: z.string(),
  phase: z.string(),
  iteration: count,
  running: z.boolean(),
  events: count,
  started_at: count.nullable().describe('seconds since 1970'),
  completed: z.boolean(),
  stop_reason: z.string().nullable(),
  rehydrated: z.boolean().optional().describe('true: its process died; it can be resumed'),
  tick,
  questions,
  token: answerToken,
})

export const page = z.looseObject({
  events: z.array(
    z.looseObject({ seq: count, ts: count, kind: z.string(), iteration: count, data: z.looseObject({}) }),
  ),
  cursor: count.describe('give it back to read on'),
  running: z.boolean(),
  more: z.boolean(),
})

export const runs = z.looseObject({
  runs: z.array(z.looseObject({ run_id: z.string(), status: z.string(), goal: z.string() })),
  total: count,
})

export const backends = z.looseObject({
  backends: z.record(z.string(), z.looseObject({ available: z.boolean(), kind: z.string() })),
  default: z.string(),
  resolved_default: z.string().nullable().describe('what "auto" is here'),
})

export const health = z.looseObject({
  ok: z.boolean(),
  backends: z.record(z.string(), z.looseObject({ available: z.boolean(), kind: z.string() })),
  cwd: z.looseObject({ path: z.string(), exists: z.boolean() }),
  recommendations: z.array(z.string()),
})

export const said = z.looseObject({ run_id: z.string(), status: z.string(), message: z.string() })

export const diff = z.looseObject({
  run_id: z.string(),
  diff: z.string().describe('unified; empty: nothing changed'),
  changed_files: z.array(z.string()),
  truncated: z.boolean(),
})

export const loops = z.looseObject({
  loops: z.array(z.looseObject({ path: z.string(), valid: z.boolean() })),
  templates: z.array(z.looseObject({ name: z.string(), text: z.string() })),
  patterns: z
    .array(
      z.looseObject({
        id: z.string(),
        goal: z.string(),
        cadence: z.string(),
        level: z.string().describe('that its ticks work at where nobody names one'),
      }),
    )
    .describe('triage loops'),
  problem: z.string().optional().describe('why the patterns of the project cannot be read'),
})

export const design = z.strictObject({
  goal: z.string().trim().min(1).max(1_000_000).describe('what shall be reached, or kept healthy'),
  kind: z
    .enum(['goal', 'repair'])
    .default('goal')
    .describe('goal: reach it once; repair: play, scan, fix and verify until healthy'),
  name: z
    .string()
    .regex(/^[a-z0-9][a-z0-9-]{0,60}$/, 'small letters, digits and dashes')
    .optional()
    .describe('of the file; absent: made from the goal'),
  success_criteria: texts.optional().describe('when it is reached; absent: the agent proposes them'),
  verify_commands: texts.optional().describe('commands that must pass; absent: guessed from the project'),
  max_iterations: z.int().min(1).max(1_000_000).optional().describe('default 4'),
  agent: text.min(1).optional().describe('who writes it, by name or "auto"; absent: a template is filled in'),
  model: text.max(500).optional().describe('the model the agent shall use'),
  cwd: directory.optional(),
})

export const designed = z.looseObject({
  path: z.string().describe('of the loop file, for run_loop'),
  kind: z.string(),
  text: z.string(),
  made_by: z.string().describe('the agent; "template": none was asked'),
  message: z.string(),
})
