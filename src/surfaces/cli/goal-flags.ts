import { resolve } from 'node:path'
import { readOptional } from '../../config/paths.ts'
import { checkOf } from '../../core/check-text.ts'
import { LoopwrightError } from '../../core/errors.ts'
import type { Io } from './io.ts'
import { wrong } from './problem.ts'

/** The flags of `run`, as commander hands them over. Durations are seconds. */
export interface RunFlags {
  readonly goal?: string
  readonly goalFile?: string
  readonly criteria?: readonly string[]
  readonly criteriaFile?: string
  readonly plan?: string
  readonly agent?: string
  readonly backend?: string
  readonly model?: string
  readonly agentCommand?: string
  readonly agentProtocol?: string
  readonly fallback?: string
  readonly timeout?: number
  readonly stall?: number
  readonly retries?: number
  readonly concurrency?: number
  readonly attempts?: number
  readonly attemptAgents?: string
  readonly skipPermissions?: boolean
  /** A mode; false for --no-sandbox. */
  readonly sandbox?: string | boolean
  readonly network?: string
  readonly verify?: readonly string[]
  readonly verifyTimeout?: number
  readonly playwright?: boolean
  readonly maxIterations?: number
  readonly maxRounds?: number
  readonly maxDuration?: number
  readonly maxTokens?: number
  readonly maxCost?: number
  readonly maxAgentCalls?: number
  readonly maxAgents?: number
  readonly maxSeconds?: number
  readonly cwd?: string
  readonly isolation?: string
  readonly isolate: boolean
  readonly cleanup?: string
  readonly label?: Readonly<Record<string, string>>
  readonly ask?: boolean
  readonly resume?: string
  readonly answer?: readonly string[]
  readonly nonInteractive?: boolean
  readonly json?: boolean
  readonly progress?: boolean
  readonly quiet?: boolean
  readonly detach?: boolean
  readonly dryRun?: boolean
}

/** The budget among the flags, by path into a goal spec. */
export function budgetFlags(flags: Partial<RunFlags>): Record<string, number | undefined> {
  return {
    'budget.iterations': flags.maxIterations ?? flags.maxRounds,
    'budget.duration': flags.maxDuration,
    'budget.tokens': flags.maxTokens,
    'budget.cost': flags.maxCost,
    'budget.agentCalls': flags.maxAgentCalls,
    'budget.agents': flags.maxAgents,
    'budget.seconds': flags.maxSeconds,
  }
}

/** Flags that say what shall run, by path into a goal spec. Reads the files they name. Throws `bad_input`. */
export async function goalFlags(io: Io, flags: RunFlags): Promise<Record<string, unknown>> {
  if (flags.goal !== undefined && flags.goalFile !== undefined) wrong('give --goal or --goal-file, not both')
  if (flags.agent !== undefined && flags.backend !== undefined && flags.agent !== flags.backend) {
    wrong('--backend is another name of --agent: give one of them')
  }
  if (!flags.isolate && flags.isolation === 'worktree') wrong('--no-isolate and --isolation worktree contradict')
  const goal = flags.goalFile === undefined ? flags.goal : await readGoal(io, flags.goalFile)
  const criteria = [
    ...(flags.criteria ?? []),
    ...(flags.criteriaFile === undefined ? [] : criteriaIn(await readFile(io, flags.criteriaFile))),
  ]
  return {
    goal,
    criteria: criteria.length === 0 ? undefined : criteria,
    agent: agentPath(io, flags.agent ?? flags.backend),
    model: flags.model,
    agentCommand: flags.agentCommand,
    agentProtocol: flags.agentProtocol,
    fallback: agentPath(io, flags.fallback),
    timeout: flags.timeout,
    stall: flags.stall,
    retries: flags.retries,
    concurrency: flags.concurrency,
    attempts: flags.attempts,
    attemptAgents: flags.attemptAgents?.split(',').map((name) => agentPath(io, name.trim())),
    skipPermissions: flags.skipPermissions,
    // Commander sets true by itself where a flag has a --no- form.
    'sandbox.mode': flags.sandbox === true ? undefined : flags.sandbox === false ? 'none' : flags.sandbox,
    'sandbox.network': flags.network === undefined ? undefined : networkOf(flags.network),
    verify: flags.verify?.map(checkOf),
    verifyTimeout: flags.verifyTimeout,
    playwright: flags.playwright,
    isolation: flags.isolate ? flags.isolation : 'inplace',
    cleanup: flags.cleanup,
    ask: flags.ask,
    labels: flags.label,
    ...budgetFlags(flags),
  }
}

/** Criteria of a file: one a line; bullets, numbers and headings of a list are not part of them. */
export function criteriaIn(text: string): string[] {
  return text
    .split(/\r?\n/)
    .filter((line) => !/^\s*#/.test(line))
    .map((line) => line.replace(/^\s*(?:[-*+]|\d+[.)])\s+(?:\[[ xX]\]\s+)?/, '').trim())
    .filter((line) => line !== '')
}

function networkOf(text: string): string | readonly string[] {
  if (text === 'open' || text === 'none') return text
  return text
    .split(',')
    .map((host) => host.trim())
    .filter((host) => host !== '')
}

/** A script is found again from any directory. */
function agentPath(io: Io, agent: string | undefined): string | undefined {
  return agent?.startsWith('scripted:') ? `scripted:${resolve(io.cwd, agent.slice('scripted:'.length))}` : agent
}

async function readGoal(io: Io, path: string): Promise<string> {
  const text = path === '-' ? await readStdin(io) : await readFile(io, path)
  if (text.trim() === '') wrong(path === '-' ? 'the goal on standard input is empty' : `${path}: the goal is empty`)
  return text
}

async function readFile(io: Io, path: string): Promise<string> {
  const text = await readOptional(resolve(io.cwd, path))
  if (text === undefined) throw new LoopwrightError('not_found', `${path}: there is no such file`)
  return text
}

async function readStdin(io: Io): Promise<string> {
  const parts: Uint8Array[] = []
  let bytes = 0
  for await (const part of io.stdin) {
    const chunk = typeof part === 'string' ? new TextEncoder().encode(part) : part
    bytes += chunk.length
    if (bytes > 5_000_000) wrong('the goal on standard input is too large, at most 1,000,000 characters')
    parts.push(chunk)
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(parts))
  } catch {
    return wrong('the goal on standard input is not UTF-8 text')
  }
}
