import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Timed } from './iteration-work.ts'
import { chars, textMaker } from './text.ts'

/** As much of LangGraph's face as is used here; it is no dependency, so its own types are not at hand. */
interface Graph {
  addNode(name: string, node: (state: State) => Partial<State>): Graph
  addEdge(from: string, to: string): Graph
  addConditionalEdges(from: string, decide: (state: State) => string): Graph
  compile(options: { checkpointer: Saver }): {
    invoke(
      input: Partial<State>,
      config: { configurable: { thread_id: string }; recursionLimit: number },
    ): Promise<State>
  }
}
interface Channel {
  reducer: (left: string[], right: string[]) => string[]
  default: () => string[]
}
interface LangGraph {
  StateGraph: new (state: unknown) => Graph
  Annotation: ((channel?: Channel) => unknown) & { Root(fields: Record<string, unknown>): unknown }
  START: string
  END: string
}
interface Saver {
  readonly db: { pragma(name: string, options: { simple: boolean }): unknown; close(): void }
}
interface State {
  readonly iteration: number
  readonly plan: string
  readonly work: string
  readonly review: string
  readonly texts: string[]
}

/**
 * The same work as nodes of a graph, in its default durability. With `keepTexts` the state also holds every text, as LangGraph's
 * own message state does; without, only the last of each. Answers how its database was set.
 */
export async function playLangGraph(options: {
  readonly folder: string
  readonly database: string
  readonly count: number
  readonly keepTexts: boolean
  /** Waits for the disk at every commit, as our store does; its own default does not. */
  readonly full: boolean
  readonly timed: Timed
}): Promise<string> {
  const { folder, database, count, keepTexts, full, timed } = options
  const { StateGraph, Annotation, START, END }: LangGraph = await import(moduleIn(folder, '@langchain/langgraph'))
  const { SqliteSaver }: { SqliteSaver: { fromConnString(path: string): Saver } } = await import(
    moduleIn(folder, '@langchain/langgraph-checkpoint-sqlite')
  )
  const text = textMaker()
  const state = Annotation.Root({
    iteration: Annotation(),
    plan: Annotation(),
    work: Annotation(),
    review: Annotation(),
    texts: Annotation({ reducer: (left, right) => left.concat(right), default: () => [] }),
  })
  const write = (made: string) => (keepTexts ? { texts: [made] } : {})
  const graph = new StateGraph(state)
    .addNode('planner', () => {
      const plan = text(chars.plan)
      return { plan, ...write(plan) }
    })
    .addNode('worker', () => {
      const work = text(chars.work)
      return { work, ...write(work) }
    })
    .addNode('reviewer', ({ iteration }) => {
      const review = text(chars.review)
      timed.marks.push(performance.now())
      return { review, iteration: iteration + 1, ...write(review) }
    })
    .addEdge(START, 'planner')
    .addEdge('planner', 'worker')
    .addEdge('worker', 'reviewer')
    .addConditionalEdges('reviewer', ({ iteration }) => (iteration < count ? 'planner' : END))
  const checkpointer = SqliteSaver.fromConnString(database)
  if (full) checkpointer.db.pragma('synchronous = FULL', { simple: true })
  const compiled = graph.compile({ checkpointer })
  timed.marks.push(performance.now())
  const config = { configurable: { thread_id: 'bench' }, recursionLimit: count * 3 + 10 }
  const ended = await compiled.invoke({ iteration: 0 }, config)
  if (ended.iteration !== count) throw new Error(`LangGraph made ${ended.iteration} iterations of ${count}`)
  // The last checkpoint belongs to the last iteration.
  timed.marks[count] = performance.now()
  const level = checkpointer.db.pragma('synchronous', { simple: true })
  const journal = checkpointer.db.pragma('journal_mode', { simple: true })
  checkpointer.db.close()
  return `its SQLite: ${journal}, synchronous=${['OFF', 'NORMAL', 'FULL', 'EXTRA'][Number(level)] ?? level}`
}

/** The URL of an installed package's module entry. */
function moduleIn(folder: string, name: string): string {
  const root = join(folder, 'node_modules', name)
  const { exports, main } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  const entry = exports?.['.']?.import ?? main
  return pathToFileURL(join(root, typeof entry === 'string' ? entry : entry.default)).href
}
