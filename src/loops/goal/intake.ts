import type { GoalSpec } from '../../core/spec/goal.ts'
import type { LoopContext } from '../../engine/context.ts'
import { texts } from './answers.ts'
import { guidanceOf } from './checks-of.ts'
import type { History } from './history.ts'
import { type Brief, clarifierRole, criteriaRole } from './roles.ts'

/** Where nobody names criteria and the agent has none either. */
const defaultCriteria = ['Complete the goal as stated.']
const maxQuestions = 4

/** What a person may send back: one answer per question, in order, and other criteria if they like. */
interface IntakeAnswer {
  readonly answers: readonly string[]
  readonly criteria: readonly string[]
}

/**
 * Settles what done means before any work: criteria are proposed where none were given, and with `ask` a person is asked what is
 * unclear. Nothing here blocks a run: an agent that fails leaves the defaults.
 */
export async function intake(loop: LoopContext, history: History, spec: GoalSpec): Promise<Brief> {
  history.phase('intake')
  loop.emit('intake_started', { goal: spec.goal.slice(0, 600) })
  let criteria: readonly string[] = spec.criteria
  if (criteria.length === 0) {
    const proposed = await loop.agent(criteriaRole, { goal: spec.goal })
    criteria = proposed.value?.length ? proposed.value : defaultCriteria
  }
  let questions: readonly string[] = []
  let reply: IntakeAnswer = { answers: [], criteria: [] }
  if (spec.ask) {
    const asked = await loop.agent(clarifierRole, { goal: spec.goal, criteria })
    questions = (asked.value ?? []).slice(0, maxQuestions)
    if (questions.length > 0) {
      reply = readReply(await loop.ask('clarify', { questions, criteria }))
      if (reply.criteria.length > 0) criteria = reply.criteria
    }
  }
  loop.emit('intake_finished', { criteria, questions })
  const answers = questions.map((question, i) => ({ question, answer: reply.answers[i]?.trim() || 'decide yourself' }))
  return { goal: spec.goal, criteria, answers, guidance: guidanceOf(spec) }
}

/** Reads whatever came back: a recorded answer that cannot be read would end this run again at every resume. */
function readReply(value: unknown): IntakeAnswer {
  if (typeof value === 'string') return { answers: [value], criteria: [] }
  if (Array.isArray(value)) return { answers: value.map(oneAnswer), criteria: [] }
  const { answers, criteria } = (value ?? {}) as { readonly answers?: unknown; readonly criteria?: unknown }
  return { answers: readReply(answers ?? []).answers, criteria: texts(criteria) }
}

/** Keeps its place in the list: answers belong to questions by their order. */
function oneAnswer(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value)
}
