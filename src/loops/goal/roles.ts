import type { CheckResult } from '../../core/ports.ts'
import type { Role } from '../../core/role.ts'
import { describeCheck, type Review } from '../../core/verdict.ts'
import { readReview, readSubgoals, readTexts, type Subgoal } from './answers.ts'

/** What every role knows of the job. */
export interface Brief {
  readonly goal: string
  readonly criteria: readonly string[]
  /** What the person answered to the clarifying questions. */
  readonly answers: readonly { readonly question: string; readonly answer: string }[]
  /** Said to workers and the reviewer on top, such as how browser tests are run here. */
  readonly guidance: readonly string[]
}

export const criteriaRole: Role<{ readonly goal: string }, string[]> = {
  name: 'criteria',
  system: `You write success criteria. Given a goal, name the few observable facts that will show it is reached: things a person or a command can check, not wishes. Answer with JSON only: {"criteria": ["...", "..."]}.`,
  prompt: ({ goal }) => `Goal:\n${goal}`,
  context: ({ goal }) => ({ goal }),
  parse: (text) => readTexts(text, ['criteria', 'success_criteria']),
  expectsJson: true,
}

export const clarifierRole: Role<{ readonly goal: string; readonly criteria: readonly string[] }, string[]> = {
  name: 'clarifier',
  system: `You look for what is unclear before work begins. Ask only what would change the work and cannot be found out in the repository: at most 4 short questions, none if all is clear. Answer with JSON only: {"questions": ["..."]}.`,
  prompt: ({ goal, criteria }) => [`Goal:\n${goal}`, list('Success criteria', criteria)].join('\n\n'),
  context: ({ goal, criteria }) => ({ goal, criteria }),
  parse: (text) => readTexts(text, ['questions']),
  expectsJson: true,
}

export const decomposerRole: Role<
  { readonly brief: Brief; readonly feedback: string; readonly maxSubgoals: number; readonly parallel: boolean },
  Subgoal[]
> = {
  name: 'decomposer',
  system: `You plan work for others. Split the goal into the fewest subgoals that can each be done and checked alone by one worker who sees only its own subgoal. Keep them small. One subgoal is right when the goal is small. Do not do the work yourself and change no files. Answer with JSON only: {"subgoals": [{"id": "short-name", "description": "what to do, where, and how to know it is done"}]}.`,
  prompt: ({ brief, feedback, maxSubgoals, parallel }) =>
    [
      describe(brief),
      feedback === ''
        ? ''
        : `The last iteration was not accepted. Its work is still there. Plan only what is left to do:\n\n${feedback}`,
      parallel
        ? `The workers run at the same time in separate copies of the repository, merged afterwards in your order: give them different files where you can.`
        : `The workers run one after the other in the same directory.`,
      `At most ${maxSubgoals} subgoals.`,
    ]
      .filter((part) => part !== '')
      .join('\n\n'),
  context: ({ brief, feedback }) => ({ goal: brief.goal, criteria: brief.criteria, feedback }),
  parse: (text) => readSubgoals(text),
  expectsJson: true,
}

export const workerRole: Role<
  { readonly brief: Brief; readonly subgoal: Subgoal; readonly feedback: string; readonly checks: readonly string[] },
  never
> = {
  name: 'worker',
  system: `You do one subgoal of a larger goal, completely, in the current directory. First inspect what is there: earlier work may have been done already; continue from it. Change only what your subgoal needs. Do not commit: that is done for you. Finish with a short report of what you changed and what you left.`,
  prompt: ({ brief, subgoal, feedback, checks }) =>
    [
      `Your subgoal (${subgoal.id}):\n${subgoal.description}`,
      `It is part of this goal:\n\n${describe(brief)}`,
      feedback === '' ? '' : `What was wrong with the last iteration:\n\n${feedback}`,
      checks.length === 0 ? '' : list('The work will be checked with these commands', checks),
    ]
      .filter((part) => part !== '')
      .join('\n\n'),
  context: ({ brief, feedback }) => ({ goal: brief.goal, criteria: brief.criteria, feedback }),
}

export const reviewerRole: Role<
  {
    readonly brief: Brief
    readonly work: string
    readonly changedFiles: readonly string[]
    readonly checks: readonly CheckResult[]
  },
  Review
> = {
  name: 'reviewer',
  system: `You review work you did not do. Look at the files yourself; believe no report. Judge three gates: quality (is it sound and finished), consistency (do the parts fit each other and the rest of the repository), goal alignment (is it what was asked, no more and no less). Say goal_complete only when every success criterion holds. Change no files. Answer with JSON only: {"quality_ok": bool, "consistency_ok": bool, "goal_aligned": bool, "goal_complete": bool, "issues": ["what is wrong and where"], "follow_up_questions": ["..."]}.`,
  prompt: ({ brief, work, changedFiles, checks }) =>
    [
      describe(brief),
      `What the workers report:\n\n${work}`,
      list('Files changed so far', changedFiles.slice(0, 200)),
      checks.length === 0
        ? 'No checks were configured.'
        : list(
            'Checks',
            checks.map((check) => (check.ok ? `${check.name}: passed` : `FAILED ${describeCheck(check)}`)),
          ),
    ].join('\n\n'),
  context: ({ brief, checks }) => ({
    goal: brief.goal,
    criteria: brief.criteria,
    checks_ok: checks.every((check) => check.ok),
  }),
  parse: (text) => readReview(text),
  expectsJson: true,
}

export const judgeRole: Role<{ readonly brief: Brief; readonly candidates: readonly string[] }, number> = {
  name: 'judge',
  system: `Several independent attempts at the same goal passed their checks. Choose the one you would merge: correct first, then simple. Answer with JSON only: {"best": <number of the attempt>, "reason": "..."}.`,
  prompt: ({ brief, candidates }) =>
    [describe(brief), ...candidates.map((candidate, i) => `# Attempt ${i + 1}\n${candidate}`)].join('\n\n'),
  context: ({ brief, candidates }) => ({ goal: brief.goal, candidates: candidates.length }),
  parse: (text, { candidates }) => {
    const best = Number(/"best"\s*:\s*"?(\d+)/.exec(text)?.[1])
    return best >= 1 && best <= candidates.length ? best : undefined
  },
  expectsJson: true,
}

function describe(brief: Brief): string {
  return [
    `Goal:\n${brief.goal}`,
    list('Success criteria', brief.criteria),
    brief.answers.length === 0
      ? ''
      : list(
          'Clarified',
          brief.answers.map(({ question, answer }) => `${question} ${answer}`),
        ),
    ...brief.guidance,
  ]
    .filter((part) => part !== '')
    .join('\n\n')
}

function list(title: string, items: readonly string[]): string {
  return items.length === 0 ? `${title}: none` : `${title}:\n${items.map((item) => `- ${item}`).join('\n')}`
}
