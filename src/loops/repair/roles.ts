import type { Role } from '../../core/role.ts'
import { type StageResult, stageError } from '../../core/round.ts'
import { type StageName, stageRoles } from '../../core/spec/repair.ts'

/** What an agent of a stage is told. */
export interface StageInput {
  readonly stage: StageName
  readonly mission: string
  /** What the stage's own text asks for. */
  readonly wish: string
  readonly round: number
  /** What failed, with the end of what it printed. */
  readonly failed: readonly StageResult[]
  /** The metric, in a line, and where it went. */
  readonly metric: string
  /** What earlier rounds taught. */
  readonly lessons: string
  /** What the work is checked with. */
  readonly checks: readonly string[]
  /** What may be changed, in a line. */
  readonly limits: string
}

/** How much of a failed stage's output an agent is shown, in characters. */
const shownOutput = 6_000

const works = `You work in the current directory. Look at what is there first: earlier rounds may have left good work. Find the cause before you change anything, make the smallest change that mends it, and run what you can to see that it did. Never weaken, skip or delete a test or a check to make it pass. Do not commit: that is done for you.`
const learns = 'End with one line that begins with LESSON: and says in a sentence what the next round should know.'
const judges =
  'Change no files. Say what you did and what you saw. End with one line: VERDICT: PASS, or VERDICT: FAIL and why.'

const systems: Readonly<Record<StageName, string>> = {
  play: `You try a piece of software as the person would who uses it, in the current directory, and report what does not work. ${judges}`,
  scan: `You look for what is wrong in the current directory by reading and by running checks, and report it. ${judges}`,
  fix: `You repair software. ${works} ${learns}`,
  verify: `You decide whether the software in the current directory is healthy, by running it. Believe no report. ${judges}`,
  improve: `You better a measured figure of software that works. ${works} What works must go on working. ${learns}`,
}

/** What a judging agent said. */
export interface StageVerdict {
  readonly pass: boolean
  readonly why: string
}

/** The role of a stage. */
export function stageRole(stage: StageName): Role<StageInput, StageVerdict> {
  return {
    name: stageRoles[stage],
    system: systems[stage],
    prompt: (input) =>
      [
        `Mission:\n${input.mission}`,
        input.wish.trim(),
        ...input.failed.map((one) => `Failed: ${stageError(one)}\n${one.output.slice(-shownOutput).trim()}`),
        input.metric,
        input.lessons === '' ? '' : `What earlier rounds taught:\n${input.lessons}`,
        input.checks.length === 0
          ? ''
          : `Your work will be checked with:\n${input.checks.map((one) => `- ${one}`).join('\n')}`,
        input.limits,
      ]
        .filter((part) => part !== '')
        .join('\n\n'),
    context: ({ stage: at, mission, round, failed, metric, lessons }) => ({
      stage: at,
      mission,
      round,
      failed: failed.map(({ stage: name }) => name),
      metric,
      lessons,
    }),
    parse: (text) => readVerdict(text),
  }
}

/** The last verdict in an answer; undefined when there is none. */
export function readVerdict(text: string): StageVerdict | undefined {
  const found = [...text.matchAll(/^[\s*_#>`]*VERDICT:[\s*_`]*(PASS|FAIL)\b[\s*_`:,.–—-]*(.*)$/gim)].at(-1)
  return found && { pass: found[1]?.toUpperCase() === 'PASS', why: (found[2] ?? '').replace(/[*_`]+$/, '').trim() }
}

/** The lesson at the end of an answer: its last line, if that begins with `LESSON:`. */
export function readLesson(text: string): string | undefined {
  const line = text.trimEnd().split('\n').at(-1) ?? ''
  const lesson = /^[\s*_>`-]*LESSON:[\s*_`]*(.*\S)/i
    .exec(line)?.[1]
    ?.replace(/[*_`]+$/, '')
    .trim()
  return lesson === undefined || lesson === '' ? undefined : lesson.slice(0, 300)
}
