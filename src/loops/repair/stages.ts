import type { CommandFailure, CommandResult, CommandSpec } from '../../core/ports.ts'
import type { StageResult } from '../../core/round.ts'
import type { RepairSpec, Stage, StageName } from '../../core/spec/repair.ts'
import { fillCommand, fillPlay, type TemplateValues } from '../../core/template.ts'
import { findVacuous } from '../../core/vacuous.ts'
import type { LoopContext } from '../../engine/context.ts'
import { readLesson, type StageInput, stageRole } from './roles.ts'

/** How much of the end of what a stage printed is kept in the journal and the result, in characters. */
const keptOutput = 2_000
/** How much of a verify's output is searched for the word that no test ran. */
const verifyChars = 20_000
/** How much of it a command is told as `{last_error}`. */
const lastErrorChars = 2_000

/** What a stage is told of its round. */
export interface StageCall {
  readonly input: StageInput
  readonly lastError: string
  /** Told apart from an earlier one of the same stage in this round. */
  readonly again?: boolean
}

/** A stage's result, and what its agent wants the next round to know. */
export interface Performed {
  readonly result: StageResult
  readonly lesson?: string
}

/** Performs one stage of a round: a command, an agent, or a browser. */
export async function performStage(
  loop: LoopContext,
  spec: RepairSpec,
  stage: Stage,
  call: StageCall,
): Promise<Performed> {
  const { stage: name, round } = call.input
  const log = `round${round}_${name}${call.again ? '_again' : ''}`
  loop.emit('stage_started', { stage: name, ...(call.again ? { again: true } : {}) })
  const done = await perform(loop, spec, stage, call, log)
  const { output: _output, ...shown } = done.result
  loop.emit('stage_finished', { ...shown, ...(call.again ? { again: true } : {}) })
  return done
}

async function perform(
  loop: LoopContext,
  spec: RepairSpec,
  stage: Stage,
  call: StageCall,
  log: string,
): Promise<Performed> {
  if ('agent' in stage) return await byAgent(loop, call, log)
  const name = call.input.stage
  if ('browser' in stage) {
    const { round } = call.input
    const lastError = call.lastError.slice(-lastErrorChars)
    const seen = await loop.playBrowser(stage.browser, {
      name,
      log,
      fill: (play, path) => fillPlay(play, valuesOf(spec, path, round, lastError)),
      env: (path) => factsOf(spec, path, { stage: name, round, lastError }),
    })
    const findings = seen.findings.map(({ kind, text }) => `${kind}: ${text}`)
    const output = [...findings, seen.stdout.trim()].join('\n')
    return {
      result: {
        stage: name,
        ok: seen.ok && seen.failure === undefined,
        failure: seen.failure ?? null,
        exit_code: seen.exit_code,
        duration: seen.duration,
        log: seen.output_path ?? null,
        error: seen.ok ? null : (seen.error ?? findings[0] ?? 'the play failed'),
        output: output.slice(-keptOutput),
        screenshots: seen.screenshots.map(({ path }) => path),
      },
    }
  }
  const { result } = await runCommand(loop, spec, stage, {
    stage: name,
    round: call.input.round,
    log,
    lastError: call.lastError,
    ...(name === 'verify' ? { tailChars: verifyChars } : {}),
  })
  return { result }
}

/** Runs a command of a round; what it printed comes with it. */
export async function runCommand(
  loop: LoopContext,
  spec: RepairSpec,
  command: CommandSpec,
  call: {
    readonly stage: StageResult['stage']
    readonly round: number
    readonly log: string
    readonly lastError: string
    readonly tailChars?: number
  },
): Promise<{ readonly result: StageResult; readonly seen: CommandResult }> {
  const { stage, round, log } = call
  const { commandTimeout, stall } = spec.limits
  const lastError = call.lastError.slice(-lastErrorChars)
  const seen = await loop.exec(command, {
    name: stage,
    log,
    timeoutMs: commandTimeout * 1000,
    ...(stall === 0 ? {} : { stallMs: stall * 1000 }),
    ...(call.tailChars === undefined ? {} : { tailChars: call.tailChars }),
    fill: (one, path) => fillCommand(one, valuesOf(spec, path, round, lastError)),
    env: (path) => factsOf(spec, path, { stage, round, lastError }),
  })
  return { result: toResult(stage, seen), seen }
}

function valuesOf(spec: RepairSpec, path: string, round: number, lastError: string): TemplateValues {
  return { workspace: spec.folder ?? path, project_root: path, round: String(round), last_error: lastError }
}

/** What a command of a round finds in its environment. */
function factsOf(
  spec: RepairSpec,
  path: string,
  of: { readonly stage: StageResult['stage']; readonly round: number; readonly lastError: string },
): Readonly<Record<string, string>> {
  const { workspace, project_root, round, last_error } = valuesOf(spec, path, of.round, of.lastError)
  return {
    LOOPWRIGHT_STAGE: of.stage,
    LOOPWRIGHT_ROUND: round,
    LOOPWRIGHT_LAST_ERROR: last_error,
    OPENLOOP_WORKSPACE: workspace,
    OPENLOOP_PROJECT_ROOT: project_root,
    OPENLOOP_ROUND: round,
    OPENLOOP_STEP: of.stage,
  }
}

function toResult(stage: StageResult['stage'], seen: CommandResult): StageResult {
  const error = seen.error ?? (seen.exitCode === 0 ? emptyOf(stage, seen) : endOf(seen))
  const output = [seen.stdout.trim(), seen.stderr.trim()].filter((text) => text !== '').join('\n')
  return {
    stage,
    ok: error === undefined && seen.failure === undefined,
    failure: seen.failure ?? null,
    exit_code: seen.exitCode,
    duration: seen.duration,
    log: seen.outputPath ?? null,
    error: error ?? seen.failure ?? null,
    output: output.slice(-keptOutput),
  }
}

/** A verify whose runner says that it ran no test proves nothing. */
function emptyOf(stage: StageResult['stage'], seen: CommandResult): string | undefined {
  if (stage !== 'verify') return undefined
  // The first line of a cut text may have lost its start: `10 passed` would read `0 passed`.
  const pieces = [seen.stdout, seen.stderr].map((text) =>
    text.length < verifyChars ? text : text.slice(text.indexOf('\n') + 1),
  )
  const said = findVacuous(pieces.join('\n'))
  return said === undefined ? undefined : `exit 0, but no test ran: ${said.slice(0, 200)}`
}

function endOf(seen: CommandResult): string {
  return seen.exitCode === null ? `ended by ${seen.signal ?? 'a signal'}` : `exit ${seen.exitCode}`
}

/** Outcomes of an agent that are failures of its process. */
const failures: Readonly<Record<string, CommandFailure>> = {
  timeout: 'timeout',
  stalled: 'stalled',
  oom: 'oom',
  flood: 'flood',
}

async function byAgent(loop: LoopContext, { input }: StageCall, log: string): Promise<Performed> {
  const began = await loop.now()
  const answer = await loop.agent(stageRole(input.stage), input, { output: log })
  const duration = Math.max(0, (await loop.now()) - began) / 1000
  const judging = input.stage !== 'fix' && input.stage !== 'improve'
  const error = answer.ok ? (judging ? verdictError(answer.value) : undefined) : (answer.error ?? answer.outcome)
  const lesson = readLesson(answer.text)
  return {
    result: {
      stage: input.stage,
      ok: error === undefined,
      failure: failures[answer.outcome] ?? null,
      exit_code: null,
      duration,
      log: answer.outputPath ?? null,
      error: error ?? null,
      output: answer.text.slice(-keptOutput),
    },
    ...(lesson === undefined ? {} : { lesson }),
  }
}

function verdictError(verdict: { readonly pass: boolean; readonly why: string } | undefined): string | undefined {
  if (verdict === undefined) return 'its answer holds no verdict'
  return verdict.pass ? undefined : verdict.why || 'it says FAIL'
}

/** A stage's command for people; what an agent's stage asks for. */
export function describeStage(stage: Stage | undefined): string | undefined {
  if (stage === undefined) return undefined
  if ('agent' in stage) return 'an agent'
  if ('browser' in stage) return 'a page in a browser'
  return stage.name ?? stage.argv?.join(' ') ?? stage.shell
}

/** What a stage's own text asks an agent for. */
export function wishOf(stage: Stage): string {
  return 'agent' in stage ? stage.agent : ''
}

/** The stages an agent's work is checked with. */
export const checking: readonly StageName[] = ['play', 'scan', 'verify']
