import { z } from 'zod'
import { regexProblem } from '../core/read-metric.ts'
import { parseRepair } from '../core/spec/loop.ts'
import { type RepairInput, type RepairSpec, stages } from '../core/spec/repair.ts'
import { parseYaml, validate } from './yaml.ts'

/** An `openloop.json`, read. */
export interface Openloop {
  readonly spec: RepairSpec
  /** The same in the words of a loop file, without what it leaves to defaults. */
  readonly input: RepairInput
  /** As it stands there: absolute, or from the folder that holds the file. */
  readonly projectRoot: string
}

const seconds = z
  .number()
  .positive()
  .max(365 * 86_400)
const shell = z.string().optional()

const schema = z.strictObject({
  $schema: z.string().optional(),
  version: z.literal(1),
  mission: z.string().trim().min(1).max(1_000_000).default('Keep the project healthy: every command below passes.'),
  total_rounds: z.int().min(1).default(10),
  project_root: z.string().trim().min(1).default('.'),
  commands: z
    .strictObject({ play: shell, scan: shell, fix: shell, verify: z.string(), improve: shell })
    .superRefine((commands, ctx) => {
      if (commands.verify.trim() !== '') return
      const params = { hint: 'give the command that decides whether it is healthy: "verify": "npm test"' }
      ctx.addIssue({ code: 'custom', path: ['verify'], message: 'the command is empty', params })
    }),
  baseline: z
    .strictObject({
      enabled: z.boolean().default(false),
      command: shell,
      metric_name: z.string().trim().min(1).default('metric'),
      regex: z.string().optional(),
      value: z.number().optional(),
      direction: z.enum(['greater_equal', 'less_equal', 'greater', 'less', 'equal']).default('greater_equal'),
    })
    .superRefine((baseline, ctx) => {
      if (!baseline.enabled) return
      const issue = (path: string[], message: string, hint: string) =>
        ctx.addIssue({ code: 'custom', path, message, params: { hint } })
      if ((baseline.command ?? '').trim() === '')
        issue([], 'the baseline is enabled and has no command', 'add "command", or "enabled": false')
      if (baseline.value === undefined)
        issue([], 'the baseline is enabled and has no value', 'add "value": 0.9, or "enabled": false')
      const problem = baseline.regex ? regexProblem(ourRegex(baseline.regex)) : undefined
      if (problem !== undefined) issue(['regex'], problem, 'for example: "score=([0-9.]+)"')
    })
    .optional(),
  limits: z
    .strictObject({
      command_timeout_seconds: seconds.default(900),
      stall_timeout_seconds: z.union([z.literal(0), seconds]).default(300),
      max_consecutive_failures: z.int().min(0).default(3),
    })
    .prefault({}),
})

/**
 * Reads an `openloop.json` to a repair loop that works as that file means it: in the project itself, with shell commands. `folder`
 * is the folder that holds it, absolute: `{workspace}` in its commands. Throws `bad_input` with file, line and column.
 */
export function parseOpenloop(text: string, file: string, folder: string): Openloop {
  const given = validate(schema, parseYaml(text, file))
  const commands = stages.flatMap((stage) => {
    const line = given.commands[stage]?.trim() ?? ''
    return line === '' ? [] : [[stage, { name: stage, shell: line }] as const]
  })
  const { limits, baseline } = given
  const input: RepairInput = {
    kind: 'repair',
    mission: given.mission,
    rounds: given.total_rounds,
    folder,
    stages: Object.fromEntries(commands) as RepairInput['stages'],
    limits: {
      commandTimeout: limits.command_timeout_seconds,
      stall: limits.stall_timeout_seconds === 0 ? 'never' : limits.stall_timeout_seconds,
      consecutiveFailures: limits.max_consecutive_failures,
    },
    isolation: 'inplace',
    ...(baseline?.enabled ? { baseline: baselineOf(baseline) } : {}),
  }
  return { spec: parseRepair(input), input, projectRoot: given.project_root }
}

function baselineOf(given: NonNullable<z.output<typeof schema>['baseline']>): NonNullable<RepairInput['baseline']> {
  return {
    command: { name: 'baseline', shell: given.command?.trim() ?? '' },
    metric: given.metric_name,
    direction: given.direction,
    ...(given.value === undefined ? {} : { value: given.value }),
    ...(given.regex ? { regex: ourRegex(given.regex) } : {}),
  }
}

/** Expressions there are Python's: named groups are written otherwise here. */
function ourRegex(regex: string): string {
  return regex.replaceAll('(?P<', '(?<')
}
