import { formatDuration } from '../../core/duration.ts'
import { counted } from '../../core/human.ts'
import type { JsonObject } from '../../core/json.ts'
import { listOf, numberOf, objectOf, textOf, textsOf } from '../../core/peek.ts'
import { oneLine } from '../../core/plain.ts'
import type { EventLine } from '../../core/progress.ts'
import { fallbackText } from '../../core/view-parts.ts'

/**
 * An event as one line for people, without its time; undefined for what says nothing new. Everything in it that others wrote is
 * made safe for a terminal.
 */
export function describeLine(line: EventLine): string | undefined {
  const { data } = line
  const text = (key: string, max = 100) => oneLine(textOf(data[key]) ?? '', max)
  switch (line.kind) {
    case 'run_started':
      return `started: ${text('goal', 140) || text('loop')}`
    case 'run_resumed':
      return data.takeover === true ? 'taken over from a process that is gone' : undefined
    case 'worktree_ready':
      return [
        `working in ${text('path', 200)}`,
        ...textsOf(data.warnings).map((one) => `  ! ${oneLine(one, 200)}`),
      ].join('\n')
    case 'iteration_started':
      return `${text('called') || 'iteration'} ${line.iteration}${data.max_iterations === undefined ? '' : `/${data.max_iterations}`}`
    case 'stage_finished':
      return stageText(data)
    case 'metric': {
      const best = data.best === null || data.best === data.value ? '' : `, the best was ${data.best}`
      return `${text('name')} ${data.value ?? 'not measured'} (wanted ${text('wanted')}${best})`
    }
    case 'rolled_back':
      return `rolled back to ${text('to').slice(0, 10)}: ${text('because', 160)}`
    case 'lesson':
      return `learnt: ${text('text', 200)}`
    case 'story_started':
      return `story ${text('story', 40)}: ${text('title')} (${data.passed} of ${data.stories} pass)`
    case 'story_passed': {
      const unmarked = data.marked === false ? `; not marked: ${text('file', 200)} is not in the worktree` : ''
      return `story ${text('story', 40)} passes (${data.passed} of ${data.stories})${unmarked}`
    }
    case 'decomposed':
      return `plan: ${listOf(data.subgoals)
        .map((one) => oneLine(textOf(objectOf(one).description) ?? '', 60))
        .join(' · ')}`
    case 'subagent_started':
    case 'agent_started':
      return `${who(data)} started${(numberOf(data.call) ?? 1) > 1 ? `, call ${data.call}` : ''}`
    case 'subagent_finished':
    case 'agent_finished':
      return `${who(data)} done in ${formatDuration(numberOf(data.duration) ?? 0)}${noticesOf(data)}`
    case 'subagent_failed':
    case 'agent_failed':
      return `${who(data)} ${text('outcome')}${data.error === undefined ? '' : `: ${text('error', 200)}`}${noticesOf(data)}`
    case 'agent_fallback':
      return oneLine(fallbackText(data), 200)
    case 'check_finished': {
      const took = formatDuration(numberOf(data.duration) ?? 0)
      if (data.ok === true) return `check passed: ${text('name')} (${took})`
      const why = text('error', 200) || `exit ${data.exit_code}`
      return `check failed: ${text('name')} (${why}, ${took})`
    }
    case 'merge':
      return mergeText(data)
    case 'checkpoint':
      return `checkpoint ${text('commit').slice(0, 10)}: ${counted(numberOf(data.changed) ?? listOf(data.changed_files).length, 'file')} changed`
    case 'review':
      return reviewText(data)
    case 'stage_started':
    case 'round_finished':
    case 'iteration_finished':
      return undefined
    case 'needs_input':
      return 'waits for answers'
    case 'answered':
      return 'answered'
    case 'retry_scheduled':
      return `tries again at ${clock(numberOf(data.until) ?? 0)}`
    case 'warned':
      return `! ${text('text', 200)}`
    case 'budget_warned':
      return `budget: ${text('text')}`
    case 'stop_requested':
    case 'cancel_requested':
      return `asked to stop: ${text('reason')}`
    case 'reopened':
      return 'goes on'
    case 'step_failed':
      return `${text('name')} failed: ${text('error', 200)}`
    case 'run_error':
      return `failed: ${text('error', 300)}`
    case 'run_stopped':
      return `stopped: ${text('reason')}`
    case 'run_paused':
      return `paused: ${text('reason')}`
    case 'run_cancelled':
    case 'run_killed':
      return `${line.kind.slice(4)}: ${text('reason')}`
    case 'run_finished':
      return `finished: ${text('stop_reason')}`
    case 'child_started':
      return `run ${text('run')} started`
    case 'child_finished':
      return `run ${text('run')} ${text('status')}`
    case 'check_started':
    case 'phase_changed':
    case 'aggregated':
    case 'verification':
    case 'intake_started':
    case 'intake_finished':
    case 'run_suspended':
      return undefined
    default:
      return `${oneLine(line.kind, 40)} ${oneLine(JSON.stringify(data), 160)}`
  }
}

function noticesOf(data: JsonObject): string {
  return textsOf(data.notices)
    .map((one) => `\n  ! ${oneLine(one, 200)}`)
    .join('')
}

function stageText(data: JsonObject): string {
  const stage = oneLine(textOf(data.stage) ?? 'stage', 20)
  const took = formatDuration(numberOf(data.duration) ?? 0)
  if (data.ok === true) return `${stage} passed (${took})`
  const why = textOf(data.failure) ?? textOf(data.error) ?? `exit ${data.exit_code}`
  return `${stage} failed: ${oneLine(why, 200)} (${took})`
}

/** A time of day in the local zone; `seconds` since 1970. */
export function clock(seconds: number): string {
  const two = (n: number) => String(n).padStart(2, '0')
  const at = new Date(seconds * 1000)
  return `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`
}

function who(data: JsonObject): string {
  const role = oneLine(textOf(data.role) ?? 'agent', 30)
  const subgoal = textOf(data.subgoal)
  if (subgoal === undefined) return role
  return `${role} ${oneLine(subgoal, 20)} (${oneLine(textOf(data.description) ?? '', 50)})`
}

function mergeText(data: JsonObject): string | undefined {
  const conflicts = listOf(data.results).filter((one) => objectOf(one).merged !== true)
  if (conflicts.length === 0) return undefined
  return conflicts
    .map((one) => {
      const { id, conflicts: paths } = objectOf(one)
      return `${oneLine(textOf(id) ?? '', 20)} could not be merged: ${textsOf(paths)
        .map((path) => oneLine(path, 60))
        .join(', ')}`
    })
    .join('\n')
}

function reviewText(data: JsonObject): string {
  const gates = data.gates_passed === true ? 'gates pass' : 'gates fail'
  const goal = data.goal_complete === true ? 'goal complete' : 'goal incomplete'
  const issues = textsOf(data.issues).map((issue) => `\n  - ${oneLine(issue, 160)}`)
  return `review: ${gates}, ${goal}${issues.slice(0, 5).join('')}`
}
