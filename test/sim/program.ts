import { LoopwrightError, messageOf } from '../../src/core/errors.ts'
import type { LoopContext } from '../../src/engine/context.ts'

/** A random program over a loop's context. Every node has an id, and what it does follows from it. */
export type Node =
  | {
      readonly op: 'step'
      readonly id: string
      readonly ms: number
      readonly fails?: boolean
      readonly effect?: boolean
    }
  | { readonly op: 'spend'; readonly id: string; readonly ms: number; readonly tokens: number }
  | { readonly op: 'once'; readonly id: string; readonly ms: number }
  | { readonly op: 'sleep'; readonly id: string; readonly ms: number }
  | { readonly op: 'ask'; readonly id: string; readonly answerAfter: number }
  | { readonly op: 'receive'; readonly id: string; readonly name: string }
  | { readonly op: 'iteration'; readonly id: string; readonly body: Node }
  | { readonly op: 'seq'; readonly id: string; readonly body: readonly Node[] }
  | { readonly op: 'try'; readonly id: string; readonly body: Node }
  | { readonly op: 'finally'; readonly id: string; readonly body: Node; readonly ms: number }
  | { readonly op: 'parallel'; readonly id: string; readonly body: readonly Node[]; readonly concurrency: number }
  | { readonly op: 'race'; readonly id: string; readonly body: readonly Node[] }
  | { readonly op: 'child'; readonly id: string; readonly body: Node; readonly tokens?: number }
  | { readonly op: 'emit'; readonly id: string }
  | { readonly op: 'random'; readonly id: string }
  | { readonly op: 'changed'; readonly id: string }

/** A run of a program, and what the world does to it. */
export interface Scenario {
  readonly seed: number
  readonly program: Node
  /** How many times the loop goes on in a new segment. */
  readonly segments: number
  readonly caps: { readonly iterations?: number; readonly tokens?: number; readonly activeMs?: number }
  /** Milliseconds after the start. */
  readonly cancelAt?: number
  readonly stopAt?: number
  readonly pauseAt?: number
  readonly messages: readonly { readonly name: string; readonly at: number }[]
  readonly lingerMs: number
  /** The first process runs the loop as it was before its `changed` nodes were added, later ones the newer code. */
  readonly evolves: boolean
  /** No race, message, cap or cancellation: the result does not depend on timing. */
  readonly timeless: boolean
}

/** What the world of a simulation does when a step is performed. */
export interface World {
  perform(
    call: { readonly key: string; readonly attempt: number; readonly signal: AbortSignal },
    node: Node,
  ): Promise<void>
  readonly trace: string[]
  /** Something happened that must not. */
  readonly problem: (text: string) => void
  /** The loop's code is the one from before its `changed` nodes were added. */
  readonly old: boolean
}

/** Runs a program through a loop's context. Every result is noted in the shared trace the moment the loop sees it. */
export async function interpret(loop: LoopContext, node: Node, world: World): Promise<unknown> {
  const note = (value: unknown) => {
    world.trace.push(`${node.id}=${JSON.stringify(value)}`)
    return value
  }
  const perform = (call: Parameters<World['perform']>[0]) => world.perform(call, node)
  switch (node.op) {
    case 'step':
      return note(
        await loop.step(
          node.id,
          async (call) => {
            await perform(call)
            if (node.fails) throw new Error(`failed ${node.id}`)
            return { id: node.id, nothing: undefined, date: new Date(0) }
          },
          { input: node.id, ...(node.effect ? { effect: 'exec' } : {}) },
        ),
      )
    case 'spend':
      return note(
        await loop.step(node.id, (call) => perform(call).then(() => Math.min(node.tokens, call.reserved.tokens ?? 0)), {
          effect: 'agent',
          reserve: { tokens: node.tokens, agentCalls: 1 },
          usage: (tokens) => ({ tokens: Math.ceil(tokens / 2), agentCalls: 1 }),
        }),
      )
    case 'once':
      return note(await loop.step(node.id, (call) => perform(call).then(() => node.id), { once: true }))
    case 'sleep':
      await loop.sleep(node.ms)
      return note(node.id)
    case 'ask':
      return note(await loop.ask(node.id, { answerAfter: node.answerAfter }))
    case 'receive':
      return note(await loop.receive(node.name))
    case 'iteration': {
      const number = await loop.iteration()
      return note([number, await interpret(loop, node.body, world)])
    }
    case 'seq': {
      const values: unknown[] = []
      for (const part of node.body) values.push(await interpret(loop, part, world))
      return values
    }
    case 'try':
      try {
        return await interpret(loop, node.body, world)
      } catch (error) {
        // A cancellation is not for a loop to swallow.
        if (error instanceof LoopwrightError && error.code === 'cancelled') throw error
        return note(`caught ${messageOf(error)}`)
      }
    case 'finally':
      try {
        return await interpret(loop, node.body, world)
      } finally {
        note(await loop.step(`${node.id} final`, (call) => perform(call).then(() => node.id), { final: true }))
      }
    case 'parallel':
      return note(
        await loop.parallel(node.body, (branch, part) => interpret(branch, part, world), {
          concurrency: node.concurrency,
        }),
      )
    case 'race': {
      let decided = false
      const racer = (part: Node) => async (branch: LoopContext) => {
        const perform: World['perform'] = (call, below) => {
          if (decided && below.op !== 'finally')
            world.problem(`${below.id} was begun after its race ${node.id} was over`)
          return world.perform(call, below)
        }
        try {
          return await interpret(branch, part, { ...world, perform })
        } finally {
          // What begins in the same macrotask began beside the winner, not after it.
          setImmediate(() => {
            decided = true
          })
        }
      }
      return note(await loop.race(node.body.map(racer)))
    }
    case 'child': {
      const caps = node.tokens === undefined ? {} : { caps: { tokens: node.tokens } }
      const child = await loop.child('program', { program: node.body } as never, { name: node.id, ...caps })
      return note({ status: child.status, value: child.value ?? null })
    }
    case 'emit':
      loop.emit(node.id, { id: node.id })
      return node.id
    case 'random':
      await loop.random()
      await loop.now()
      return node.id
    case 'changed':
      if (world.old || !loop.changed(node.id)) return 'either'
      return note(await loop.step(`${node.id} new`, () => 'new')) && 'either'
  }
}

/** What a timeless program returns, worked out without the engine: the oracle for its result. */
export function expected(node: Node, iteration = { number: 0 }): unknown {
  switch (node.op) {
    case 'step':
      if (node.fails) throw new Error(`failed ${node.id}`)
      return { id: node.id, date: new Date(0).toISOString() }
    case 'spend':
      return node.tokens
    case 'ask':
      return `answer to ${node.id}`
    case 'iteration': {
      const number = ++iteration.number
      return [number, expected(node.body, iteration)]
    }
    case 'seq':
      return node.body.map((part) => expected(part, iteration))
    case 'try':
      try {
        return expected(node.body, iteration)
      } catch (error) {
        return `caught ${messageOf(error)}`
      }
    case 'finally':
      return expected(node.body, iteration)
    case 'parallel': {
      return node.body.map((part) => expected(part, iteration))
    }
    case 'child':
      try {
        return { status: 'done', value: expected(node.body) }
      } catch {
        return { status: 'failed', value: null }
      }
    case 'changed':
      return 'either'
    default:
      return node.id
  }
}
