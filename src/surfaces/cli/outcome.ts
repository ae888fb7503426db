import { questionList } from '../../core/answers.ts'
import { formatDuration } from '../../core/duration.ts'
import { capsText, counted, formatCount, formatMoney } from '../../core/human.ts'
import { listOf, numberOf, objectOf, textOf } from '../../core/peek.ts'
import { oneLine, plainText } from '../../core/plain.ts'
import type { RunResult } from '../../core/result.ts'
import { encodeToken } from '../../core/token.ts'
import type { RunView } from '../../core/view.ts'
import type { Style } from './io.ts'

/** What a run came to, for people. */
export function outcomeText(result: RunResult, view: RunView, style: Style, next = true): string {
  const mark = result.completed ? style.green('✓') : result.status === 'failed' ? style.red('✗') : style.yellow('■')
  const output = plainText(result.final_output).trim()
  const error = view.error && result.status === 'failed' ? [`  ${oneLine(view.error.hint ?? '', 200)}`] : []
  return [
    `${mark} ${style.bold(oneLine(result.summary, 400))}`,
    ...error,
    ...(output === '' ? [] : ['', output, '']),
    ...facts(result, style),
    ...(next ? steps(result, view, style) : []),
  ]
    .filter((line, i, all) => !(line === '' && all[i + 1] === ''))
    .join('\n')
}

function facts(result: RunResult, style: Style): string[] {
  const row = (name: string, text: string) => `${style.dim(name.padEnd(8))} ${text}`
  const last = objectOf(result.history.at(-1))
  const checks = listOf(last.verification).map((one) => {
    const { name, ok, duration } = objectOf(one)
    const took = formatDuration(numberOf(duration) ?? 0)
    return `${ok === true ? style.green('✓') : style.red('✗')} ${oneLine(textOf(name) ?? '', 60)} (${took})`
  })
  const { spend, workspace } = result
  const spent = [
    counted(spend.agent_calls, 'agent call'),
    ...(spend.tokens > 0 ? [`${formatCount(spend.tokens)} tokens`] : []),
    ...(spend.cost_usd > 0 ? [formatMoney(Math.round(spend.cost_usd * 1_000_000))] : []),
    formatDuration(spend.active_seconds),
  ]
  const rows = checks.map((check, i) => row(i === 0 ? 'checks' : '', check))
  if (workspace) {
    const where = workspace.branch === null ? `in ${workspace.path}` : `on branch ${workspace.branch}`
    const files = workspace.changed_count ?? workspace.changed_files.length
    rows.push(row('changes', files === 0 ? 'none' : `${counted(files, 'file')} ${where}`))
  }
  rows.push(row('spent', spent.join(' · ')))
  return rows
}

function steps(result: RunResult, view: RunView, style: Style): string[] {
  return nextSteps(result, view).map((step, i) => `${style.dim((i === 0 ? 'next' : '').padEnd(8))} ${style.cyan(step)}`)
}

function nextSteps(result: RunResult, view: RunView): string[] {
  const id = result.run_id
  const changed = (result.workspace?.changed_files.length ?? 0) > 0 && result.workspace?.branch !== null
  const look = changed ? [`loopwright diff ${id}`] : []
  switch (result.status) {
    case 'done':
      return changed ? [...look, `loopwright merge ${id}`, `loopwright discard ${id}`] : []
    case 'stopped':
      return [...look, `loopwright resume ${id}${larger(result.stop_reason, view)}`]
    case 'paused':
    case 'failed':
    case 'queued':
      return [...look, `loopwright resume ${id}`]
    case 'running':
      return [`loopwright watch ${id}`]
    default:
      return look
  }
}

/** The flag that would have let a run go on, with twice the cap. */
function larger(reason: string, { caps }: RunView): string {
  const twice = (cap: number | undefined, write: (n: number) => string) => (cap === undefined ? '' : write(cap * 2))
  if (reason.startsWith('max_iterations')) return twice(caps.iterations, (n) => ` --max-iterations ${n}`)
  if (reason.startsWith('max_agent_calls')) return twice(caps.agentCalls, (n) => ` --max-agent-calls ${n}`)
  if (reason.startsWith('max_agents')) return twice(caps.agents, (n) => ` --max-agents ${n}`)
  if (reason.startsWith('max_tokens')) return twice(caps.tokens, (n) => ` --max-tokens ${n}`)
  if (reason.startsWith('max_cost')) return twice(caps.microUsd, (n) => ` --max-cost ${n / 1_000_000}`)
  if (reason.startsWith('max_duration'))
    return twice(caps.activeMs, (n) => ` --max-duration ${formatDuration(n / 1000)}`)
  return ''
}

/** The open questions of a run, its token, and how to answer. */
export function questionsText(view: RunView, style: Style): string {
  const [ask] = view.asks
  if (!ask) return ''
  const token = encodeToken({ run: view.id, ask: ask.id })
  const questions = questionList(ask.request)
  const answers = questions.map(() => `--answer "…"`).join(' ')
  return [
    style.bold(questions.length === 1 ? 'One question before the work begins:' : 'Questions before the work begins:'),
    ...questions.map(({ text }, i) => `  ${i + 1}. ${oneLine(text, 400)}`),
    '',
    `${style.dim('token')}    ${token}`,
    `${style.dim('answer')}   ${style.cyan(`loopwright run --resume ${token} ${answers}`)}`,
  ].join('\n')
}

/** One line about a run that begins. */
export function headline(
  view: RunView,
  facts: { readonly agent: string | undefined; readonly checks: number | undefined },
): string {
  const parts = [
    `run ${view.id}`,
    ...(facts.agent === undefined ? [] : [`agent ${oneLine(facts.agent, 60)}`]),
    ...(facts.checks === undefined ? [] : [facts.checks === 0 ? 'no checks' : counted(facts.checks, 'check')]),
    capsText(view.caps, view.kind),
  ]
  return parts.join(' · ')
}
