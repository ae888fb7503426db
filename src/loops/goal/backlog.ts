import type { GoalSpec, Story } from '../../core/spec/goal.ts'
import { aggregate, decide } from '../../core/verdict.ts'
import type { LoopContext } from '../../engine/context.ts'
import { guidanceOf } from './checks-of.ts'
import { fanOut } from './fan-out.ts'
import { type GoalResult, History } from './history.ts'
import { reviewWork } from './judgement.ts'
import { Repetition } from './repetition.ts'
import type { Brief } from './roles.ts'
import { keepTime } from './time-limit.ts'

/**
 * A backlog: each iteration takes the most urgent story that does not pass yet, gives it to one worker with a fresh context, and
 * checks and reviews it. A story that passes is marked in the plan's file. Ends when every story passes.
 */
export async function backlog(loop: LoopContext, spec: GoalSpec, stories: readonly Story[]): Promise<GoalResult> {
  const history = new History(loop)
  const { isolated } = await loop.workspace()
  const passed = new Set(stories.filter((story) => story.passes).map((story) => story.id))
  const feedback = new Map<string, string>()
  const repetition = new Repetition(loop)
  for (;;) {
    const story = next(stories, passed)
    if (!story) return history.accepted()
    await keepTime(loop, spec)
    const iteration = await loop.iteration()
    loop.emit('story_started', { story: story.id, title: story.title, passed: passed.size, stories: stories.length })
    const before = await loop.hooks('beforeIteration')
    const brief = briefOf(spec, story)
    const subgoals = [{ id: story.id, description: [story.title, story.description].filter(Boolean).join('\n\n') }]

    history.phase('execute')
    const job = { brief, feedback: feedback.get(story.id) ?? '', subgoals, isolated }
    const results = await fanOut(loop, spec, job)
    history.workers(subgoals, results)
    const work = await loop.checkpoint(`loopwright: iteration ${iteration}\n\n${story.id}: ${story.title}`)

    await keepTime(loop, spec)
    const checks = loop.stopping ? [] : await history.checks(spec)
    await keepTime(loop, spec)
    history.phase('review')
    const facts = { brief, work: aggregate(results), changedFiles: work.totalChangedFiles, checks }
    const review = await reviewWork(loop, facts)
    const hook = await loop.hooks('beforeAccept')
    const blocked = [before, hook].find((one) => one.blocked)?.feedback
    const verdict = decide({ results, checks, review, ...(blocked === undefined ? {} : { blocked }) })
    history.finish(review, verdict)
    await loop.hooks('afterIteration')

    if (verdict.accept) {
      passed.add(story.id)
      const { file } = spec.plan ?? {}
      const marked = file === undefined ? {} : { file, marked: await loop.markStory(file, story.id) }
      if (marked.marked) await loop.checkpoint(`loopwright: ${story.id} passes`)
      await loop.hooks('afterAccept')
      loop.emit('story_passed', { story: story.id, passed: passed.size, stories: stories.length, ...marked })
    } else {
      feedback.set(story.id, verdict.feedback)
      if (isolated) await repetition.see(work, verdict.feedback)
    }
  }
}

function next(stories: readonly Story[], passed: ReadonlySet<string>): Story | undefined {
  return stories
    .filter((story) => !passed.has(story.id))
    .reduce<Story | undefined>((best, story) => (best && best.priority <= story.priority ? best : story), undefined)
}

function briefOf(spec: GoalSpec, story: Story): Brief {
  const criteria = [...story.criteria, ...spec.criteria]
  return {
    goal: `${story.title}\n\n${story.description}`.trim(),
    criteria: criteria.length > 0 ? criteria : ['The story is done as described.'],
    answers: [],
    guidance: [`This is one story of a larger plan: ${spec.goal}`, ...guidanceOf(spec)],
  }
}
