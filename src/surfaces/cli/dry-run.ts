import type { App } from '../../app.ts'
import type { PreparedLoop } from '../../config/prepare.ts'
import { capsOf } from '../../core/caps.ts'
import { formatDuration } from '../../core/duration.ts'
import { capsText, counted } from '../../core/human.ts'
import { oneLine } from '../../core/plain.ts'
import type { CommandSpec } from '../../core/ports.ts'
import type { GoalSpec } from '../../core/spec/goal.ts'
import { usesAgents } from '../../core/spec/loop.ts'
import { type RepairSpec, type Stage, stages } from '../../core/spec/repair.ts'
import { type Io, print, styleOf } from './io.ts'

/** Shows a goal as it would run, and where each value comes from. Starts nothing. */
export function dryRun(
  app: App,
  io: Io,
  prepared: PreparedLoop,
  options: { readonly cwd: string; readonly json: boolean },
): number {
  const { spec, origins } = prepared
  if (spec.agent !== undefined && !spec.agent.startsWith('scripted:')) app.agents.choose(spec.agent)
  if (options.json) {
    print(io, JSON.stringify({ dry_run: true, cwd: options.cwd, spec, origins: Object.fromEntries(origins) }))
    return 0
  }
  const style = styleOf(io.env, io.stdout)
  const row = (name: string, text: string, key?: string) => {
    const from = key === undefined ? undefined : origins.get(key)
    print(io, `${style.dim(name.padEnd(10))} ${text}${from === undefined ? '' : style.dim(`  (${from})`)}`)
  }
  if (spec.kind === 'goal') aimRows(spec, row)
  else missionRows(spec, row)
  if (usesAgents(spec)) {
    const command = spec.agentCommand
    const agent = command === undefined ? (spec.agent ?? 'auto') : [command].flat().join(' ')
    row('agent', oneLine(agent, 160), command === undefined ? 'agent' : 'agentCommand')
  }
  if (spec.model !== undefined) row('model', oneLine(spec.model, 80), 'model')
  for (const [name, role] of Object.entries(spec.roles)) {
    if (role)
      row('', `${name}: ${oneLine([role.agent, role.model].filter(Boolean).join(', ') || 'own instructions', 100)}`)
  }
  if (spec.kind === 'goal') checkRows(spec, row, style)
  row('budget', capsText(capsOf(spec), spec.kind))
  for (const [key, from] of origins) if (key.startsWith('budget.')) row('', style.dim(`${key.slice(7)}: ${from}`))
  if (spec.timeout !== undefined) row('timeout', `${formatDuration(spec.timeout)} for each call of an agent`, 'timeout')
  row(
    'workspace',
    `${spec.isolation === 'worktree' ? 'a worktree on its own branch' : 'in place'}, cleanup ${spec.cleanup}`,
    'isolation',
  )
  if (spec.kind === 'goal') spreadRows(spec, row)
  if (spec.skipPermissions) row('', style.yellow('the agent acts without asking for permission'), 'skipPermissions')
  row('sandbox', sandboxText(spec), 'sandbox.mode')
  row('project', options.cwd)
  row('state', app.config.home)
  print(io, style.dim('Nothing was run.'))
  return 0
}

type Row = (name: string, text: string, key?: string) => void

function aimRows(spec: GoalSpec, row: Row): void {
  row('goal', oneLine(spec.goal, 200), 'goal')
  if (spec.criteria.length === 0) row('criteria', 'proposed by the agent')
  for (const [i, one] of spec.criteria.entries()) row(i === 0 ? 'criteria' : '', `- ${oneLine(one, 160)}`)
}

function missionRows(spec: RepairSpec, row: Row): void {
  row('mission', oneLine(spec.mission, 200), 'mission')
  for (const name of stages) {
    const stage = spec.stages[name]
    if (stage !== undefined) row(name, stageText(stage))
  }
  const { baseline } = spec
  if (baseline?.enabled) {
    const wanted = baseline.value === undefined ? 'better each time' : `${baseline.direction} ${baseline.value}`
    row('baseline', `${baseline.metric} ${wanted}`, 'baseline')
  }
}

function stageText(stage: Stage): string {
  if ('agent' in stage) return oneLine(`agent: ${stage.agent || 'by the mission'}`, 160)
  if ('browser' in stage) {
    const { serve, steps } = stage.browser
    const page = `a page in a browser, ${counted(steps.length, 'step')}`
    return serve === undefined ? page : `${page}, served by ${commandText(serve)}`
  }
  return commandText(stage)
}

function checkRows(spec: GoalSpec, row: Row, style: ReturnType<typeof styleOf>): void {
  if (spec.verify.length === 0 && !spec.playwright) row('checks', style.yellow('none: only the review decides'))
  for (const [i, check] of spec.verify.entries())
    row(i === 0 ? 'checks' : '', commandText(check), i === 0 ? 'verify' : undefined)
  if (spec.playwright) row(spec.verify.length === 0 ? 'checks' : '', 'npx playwright test', 'playwright')
}

function spreadRows(spec: GoalSpec, row: Row): void {
  row('workers', `${spec.concurrency} at once, ${spec.retries} more tries`, 'concurrency')
  if (spec.plan)
    row(
      'plan',
      `${spec.plan.stories.filter((one) => !one.passes).length} of ${spec.plan.stories.length} stories to do`,
      'plan',
    )
  if (spec.attempts !== undefined)
    row('attempts', `${spec.attempts}${spec.attemptAgents ? ` by ${spec.attemptAgents.join(', ')}` : ''}`, 'attempts')
}

function sandboxText({ sandbox, skipPermissions }: PreparedLoop['spec']): string {
  const { mode = 'auto' } = sandbox
  const on = mode === 'auto' ? skipPermissions : mode !== 'none'
  if (!on) return mode === 'none' ? 'none' : 'auto: none, because the agent asks for permission'
  const { network = ['registries'] } = sandbox
  const reach = typeof network === 'string' ? network : ["the agent's hosts", ...network].join(', ')
  return `${mode}, network: ${reach}`
}

function commandText(command: CommandSpec): string {
  const text = command.shell === undefined ? (command.argv ?? []).join(' ') : `shell: ${command.shell}`
  return oneLine(text, 160)
}
