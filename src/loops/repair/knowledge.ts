import { oneLine } from '../../core/plain.ts'
import { metricText, type RoundFacts, stageError } from '../../core/round.ts'
import type { RepairSpec } from '../../core/spec/repair.ts'
import type { LoopContext } from '../../engine/context.ts'
import type { RolledBack } from './ratchet.ts'

const mostLessons = 20
const lessonChars = 600
const earlierChars = 4_000

/** What the rounds taught, bounded: the last of them, and what earlier runs left. */
export class Knowledge {
  readonly #loop: LoopContext
  readonly #on: boolean
  #earlier = ''
  #lessons: readonly string[] = []

  private constructor(loop: LoopContext, on: boolean) {
    this.#loop = loop
    this.#on = on
  }

  static async open(loop: LoopContext, spec: RepairSpec): Promise<Knowledge> {
    const knowledge = new Knowledge(loop, spec.knowledge)
    if (spec.knowledge) knowledge.#earlier = (await loop.knowledge()).slice(-earlierChars).trim()
    return knowledge
  }

  /** For the prompt of an agent. */
  get text(): string {
    return [this.#earlier, ...this.#lessons.map((lesson) => `- ${lesson}`)].filter((part) => part !== '').join('\n')
  }

  add(lesson: string | undefined): void {
    if (lesson === undefined || !this.#on) return
    this.#lessons = [...this.#lessons, lesson].slice(-mostLessons)
    this.#loop.emit('lesson', { text: lesson })
  }
}

/** What a round taught, in a line: what failed, what was tried, what came of it, and the agent's own word. Undefined when all was well. */
export function lessonOf(round: {
  readonly number: number
  readonly facts: RoundFacts
  readonly changed: readonly string[]
  readonly rolledBack: RolledBack | undefined
  readonly said: readonly string[]
}): string | undefined {
  const { number, facts, changed, rolledBack, said } = round
  const { play, scan, fix, verify, baseline, metric, improve } = facts
  const failed = [play, scan, verify, baseline].filter((stage) => stage !== undefined).filter((stage) => !stage.ok)
  const wanting = metric !== undefined && !metric.ok && metric.value !== null
  if (failed.length === 0 && !wanting && fix === undefined && improve === undefined) return undefined
  const what = [...failed.map((stage) => stageError(stage)), ...(wanting ? [metricText(metric)] : [])]
  const tried = [fix, improve].flatMap((stage) => {
    if (stage === undefined) return []
    return [stage.ok ? stage.stage : `${stage.stage} (${stage.error ?? 'failed'})`]
  })
  const files = changed.length === 0 ? 'nothing changed' : `changed ${changed.slice(0, 5).join(', ')}`
  const parts = [
    what.length === 0 ? 'nothing failed' : `failed: ${what.join('; ')}`,
    ...(tried.length === 0 ? [] : [`tried: ${tried.join(', ')}, ${files}`]),
    ...(verify?.ok && fix !== undefined ? ['verify passes since'] : []),
    ...(rolledBack === undefined ? [] : [`rolled back: ${rolledBack.because}`]),
    ...said,
  ]
  return oneLine(`round ${number}: ${parts.join('. ')}`, lessonChars)
}
