import { listOf, numberOf, objectOf, textOf } from '../../core/peek.ts'
import type { Usage } from '../../core/ports.ts'
import type { Facts } from './facts.ts'
import type { ReplySpec } from './reply.ts'

/** What the default answers are made of. */
export interface MockSettings {
  /** What the decomposer answers. */
  readonly subgoals?: readonly string[]
  /** The iteration from which the reviewer accepts; 2 by default, so that the feedback is seen at work. */
  readonly acceptOnIteration?: number
  /** What the clarifier asks; nothing by default. */
  readonly questions?: readonly string[]
  /** What the criteria role answers. */
  readonly proposedCriteria?: string
}

const defaultSubgoals = ['Make the change', 'Cover the change with a test']

/** The answer of each role when nothing else is scripted. `number` is how often this role was called before, plus one. */
export function mockReply(facts: Facts, number: number, settings: MockSettings): ReplySpec {
  switch (facts.role) {
    case 'criteria':
      return { text: settings.proposedCriteria ?? 'The stated goal is fully satisfied.' }
    case 'clarifier':
      return { json: [...(settings.questions ?? [])] }
    case 'decomposer': {
      const subgoals = settings.subgoals ?? defaultSubgoals
      return { json: subgoals.map((description, at) => ({ id: `s${at + 1}`, description })) }
    }
    case 'reviewer': {
      const accept = (facts.iteration ?? number) >= (settings.acceptOnIteration ?? 2)
      return {
        json: {
          quality_ok: accept,
          consistency_ok: accept,
          goal_aligned: accept,
          goal_complete: accept,
          issues: accept ? [] : ['The first pass is too shallow: add specifics.'],
          follow_up_questions: [],
        },
      }
    }
    case 'worker':
      return {
        text:
          facts.subgoal === undefined
            ? 'Completed the work.'
            : `Completed ${facts.subgoal.id}: ${facts.subgoal.description}`,
      }
    case 'triager': {
      const [first] = listOf(facts.context.findings).map(objectOf)
      const act = facts.context.may_act === true && first !== undefined
      return {
        usage: part(facts, 0.3),
        json: {
          decision: act ? 'act' : first === undefined ? 'noop' : 'report',
          reason: act ? 'one small, safe change settles it' : 'people should know',
          items: [],
          act_on: textOf(first?.id) ?? '',
          proposal: act ? `change ${example} so that this is settled` : '',
        },
      }
    }
    case 'implementer':
      return {
        text: `Changed ${example}.`,
        usage: part(facts, 0.5),
        edits: [
          { write: example, content: `// ${String(facts.context.item).slice(0, 80)}\nexport const settled = true\n` },
        ],
      }
    case 'verifier':
      return { text: `Evidence:\nThe change touches ${example} alone.\n\n## Verdict: APPROVE`, usage: part(facts, 0.2) }
    default:
      return { text: `The scripted agent has no answer for the role ${facts.role}.` }
  }
}

/** What the scripted implementer of a triage loop changes. */
const example = 'src/example.ts'

/** A share of what the pattern says a quiet tick costs, so that a rehearsal shows figures of the right size. */
function part({ context }: Facts, share: number): Usage {
  const tokens = Math.round((numberOf(context.tokens_noop) ?? 5000) * share)
  const outputTokens = Math.round(tokens / 5)
  return { inputTokens: tokens - outputTokens, outputTokens }
}
