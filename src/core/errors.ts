import type { Json } from './json.ts'

/** The closed set of errors loopwright raises itself. */
export type ErrorCode =
  | 'bad_input' // a file, flag or spec is wrong; the message says where, `hint` what to do
  | 'not_found' // no such run, file, agent, loop
  | 'conflict' // the thing is in a state that does not allow this
  | 'untrusted' // a project's files want to run something before their owner trusted them
  | 'missing_tool' // git, an agent CLI … is not installed
  | 'agent_auth' // the agent is not logged in, or its key is refused
  | 'store_locked' // the database stayed locked by another process past our patience
  | 'store_full' // no space left where state is kept
  | 'store_readonly' // the state directory cannot be written
  | 'store_newer' // the database or journal was written by a newer loopwright
  | 'store_corrupt' // the database failed its integrity check
  | 'loop_diverged' // the loop's code asked for another step than its journal holds
  | 'foreign_await' // the loop waits for something that is not its context
  | 'overlapping_steps' // two steps at once in one branch
  | 'revoked' // a context used after its run was released
  | 'fenced' // another driver took the run over
  | 'cancelled' // the run or the branch was cancelled
  | 'budget_exceeded' // a cap refused the step
  | 'step_unknown' // an at-most-once step was in flight when its driver died
  | 'step_failed' // a step threw; `cause` data holds what it said
  | 'workspace' // git or the file system refused something
  | 'forge' // GitHub could not be reached, or refused something
  | 'killed' // the kill switch is on, or the run was killed

/** How an error looks once recorded in a journal. */
export interface ErrorRecord {
  readonly code: ErrorCode
  readonly message: string
  readonly hint?: string
  readonly data?: Json
}

/**
 * Every error loopwright raises on purpose: a stable `code`, one clear `message`, and a `hint` that says what to do.
 * Anything else that is thrown is a programmer's error.
 */
export class LoopwrightError extends Error {
  override readonly name = 'LoopwrightError'
  readonly code: ErrorCode
  readonly hint: string | undefined
  readonly data: Json | undefined

  constructor(code: ErrorCode, message: string, options: { hint?: string; data?: Json; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.hint = options.hint
    this.data = options.data
  }

  /** The error as it is recorded. */
  toRecord(): ErrorRecord {
    return {
      code: this.code,
      message: this.message,
      ...(this.hint === undefined ? {} : { hint: this.hint }),
      ...(this.data === undefined ? {} : { data: this.data }),
    }
  }

  /** The error a record stands for. */
  static fromRecord(record: ErrorRecord): LoopwrightError {
    return new LoopwrightError(record.code, record.message, {
      ...(record.hint === undefined ? {} : { hint: record.hint }),
      ...(record.data === undefined ? {} : { data: record.data }),
    })
  }
}

/**
 * Errors that say nothing about the work, only about the place it runs in. They are not recorded as a step's result: the run
 * fails, and a resume tries the step again.
 */
const ofThePlace: readonly ErrorCode[] = [
  'conflict',
  'missing_tool',
  'workspace',
  'untrusted',
  'agent_auth',
  'forge',
  'store_locked',
  'store_full',
  'store_readonly',
]

/** True for an error that a resume in a better place may not meet again. */
export function isOfThePlace(error: unknown): boolean {
  return error instanceof LoopwrightError && ofThePlace.includes(error.code)
}

/** True for an error loopwright raised on purpose, with this code when one is given. */
export function isLoopwrightError(error: unknown, code?: ErrorCode): error is LoopwrightError {
  return error instanceof LoopwrightError && (code === undefined || error.code === code)
}

/** What an unknown thrown value says, without a stack. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

/** Any thrown value as a record; one that is not ours becomes `step_failed`. */
export function toErrorRecord(error: unknown): ErrorRecord {
  if (error instanceof LoopwrightError) return error.toRecord()
  return { code: 'step_failed', message: messageOf(error) }
}
