import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeAll, describe, expect, test } from 'vitest'
import { commandAgent } from '../../src/agents/command/command.ts'
import type { AgentDelta, AgentRequest, AgentResponse } from '../../src/core/ports.ts'
import { decomposerRole, reviewerRole, workerRole } from '../../src/loops/goal/roles.ts'
import { openSqliteStore } from '../../src/store/sqlite.ts'
import { until } from '../fixtures/engine.ts'
import { git } from '../fixtures/repo.ts'
import { type AgentCase, key, type Reaction } from './describe.ts'
import { installed, installMs } from './install.ts'
import { type Asked, type Behaviour, type Script, used } from './model/script.ts'
import { makeScene, type Scene } from './scene.ts'

/** How long a silent agent is waited for where it shall be found silent. */
const stallMs = 5000
/** Of one request; two are made for an edit. */
const tokensOfOne = used.input + used.cached + used.output

/** Everything that must hold of a real agent, driven against a scripted model. */
export function agentSuite(agent: AgentCase): void {
  const { preset, pinned } = agent
  describe(`${preset.name} ${pinned.version}`, () => {
    let commands = ''
    const scenes: Scene[] = []
    beforeAll(async () => {
      commands = await installed(pinned)
    }, installMs + 10_000)
    afterEach(async () => {
      for (const scene of scenes.splice(0)) await scene.close()
    })

    async function open(more?: AgentCase['files']): Promise<Scene> {
      const scene = await makeScene(agent, commands, more)
      scenes.push(scene)
      return scene
    }

    /** Calls the agent itself, without a loop around it. */
    async function call(scene: Scene, behaviour: Behaviour | Script, more: Call = {}, env: Env = {}) {
      const deltas: AgentDelta[] = []
      const { signal = new AbortController().signal, onDelta, ...rest } = more
      scene.model.script = typeof behaviour === 'function' ? behaviour : () => behaviour
      const made = commandAgent({
        preset,
        executable: join(commands, pinned.command),
        env: { ...scene.env, ...env },
        model: agent.model,
      })
      const request = { role: 'worker', system: 'Be brief.', prompt: 'Create hello.txt.', cwd: scene.repository }
      const answer = await made.run(
        { ...request, timeoutMs: 90_000, outputPath: join(scene.root, 'out.txt'), ...rest },
        {
          signal,
          onDelta(delta) {
            deltas.push(delta)
            onDelta?.(delta)
          },
        },
      )
      // A fault in the script would look like one of the agent.
      expect(scene.model.faults).toEqual([])
      return { answer, deltas }
    }

    const edit = (scene: Scene, file = 'hello.txt', text = 'Written.'): Behaviour => ({
      do: 'edit',
      path: join(scene.repository, file),
      content: 'hello\n',
      text,
    })

    test('takes a goal through the loop to a verified branch', async () => {
      const scene = await open()
      scene.model.script = loopScript(scene)
      const { code, out, err } = await scene.loopwright(
        ...['run', '--goal', 'Create hello.txt', '--criteria', 'hello.txt is there'],
        ...['--agent', preset.name, '--model', agent.model, '--verify', 'test -f hello.txt'],
        ...['--max-iterations', '1', '--timeout', '90s', '--json', '--quiet'],
      )
      expect(scene.model.faults).toEqual([])
      expect(code, `${out}\n${err}`).toBe(0)
      const result = JSON.parse(out)
      expect(result).toMatchObject({ completed: true, stop_reason: 'goal_complete', spend: { agent_calls: 3 } })
      expect(result.worktree.changed_files).toEqual(['hello.txt'])
      expect(git(scene.repository, 'show', `${result.worktree.branch}:hello.txt`)).toBe('hello\n')
      expect(git(scene.repository, 'status', '--porcelain')).toBe('')
      // Every request was ours to answer, with the made-up key, and carried the role's system prompt.
      expect(new Set(scene.model.asked.map((asked) => asked.key))).toEqual(new Set([key]))
      for (const { system } of [decomposerRole, workerRole, reviewerRole]) {
        expect(
          scene.model.asked.some((asked) => textOf(asked).includes(system)),
          system.slice(0, 40),
        ).toBe(true)
      }
      const settled = await agentCalls(scene.home, result.run_id)
      expect(settled.map((each) => each.outcome)).toEqual(['done', 'done', 'done'])
      expect(settled.every((each) => typeof each.sessionId === 'string' && each.sessionId !== '')).toBe(true)
      if (agent.usage) {
        expect(result.spend.tokens).toBe(4 * tokensOfOne)
        expect(settled[1]?.usage).toMatchObject({ outputTokens: 2 * used.output })
      }
      const [, worker] = settled
      expect(readFileSync(worker?.outputPath ?? '', 'utf8')).toContain(worker?.sessionId)
      await until('its processes are gone', () => scene.processes().length === 0)
    })

    test('writes a file, tells what it did and used, and goes on with its session', async () => {
      const scene = await open()
      const first = await call(scene, edit(scene))
      expect(first.answer).toMatchObject({ outcome: 'done', text: expect.stringContaining('Written.') })
      expect(readFileSync(join(scene.repository, 'hello.txt'), 'utf8')).toBe('hello\n')
      expect(first.deltas.some((delta) => delta.type === 'tool')).toBe(true)
      const { sessionId = '', sessionTotals } = first.answer
      expect(sessionId).not.toBe('')
      const before = scene.model.asked.length
      const second = await call(scene, edit(scene, 'again.txt', 'Written again.'), {
        sessionId,
        ...(sessionTotals === undefined ? {} : { sessionTotals }),
      })
      expect(second.answer).toMatchObject({
        outcome: 'done',
        sessionId,
        text: expect.stringContaining('Written again.'),
      })
      // The model sees the first call's answer: it is the same conversation.
      expect(scene.model.asked.slice(before).some((asked) => asked.said.includes('Written.'))).toBe(true)
      const perCall = { inputTokens: 2 * used.input, cacheReadTokens: 2 * used.cached, outputTokens: 2 * used.output }
      for (const { answer } of [first, second]) {
        if (agent.usage) expect(answer.usage).toMatchObject(perCall)
        else expect(answer.usage?.inputTokens).toBeUndefined()
      }
    })

    test('is `auth` when the key is refused', async () => {
      const scene = await open()
      const { answer } = await call(scene, { do: 'error', status: 401 })
      expect(answer).toMatchObject({ outcome: 'auth', message: expect.stringContaining(preset.login) })
      expect(existsSync(join(scene.repository, 'hello.txt'))).toBe(false)
    })

    test(`${says(agent.on.limit)} at a rate limit`, async () => {
      const scene = await open()
      const { outcome, resetAt, env } = agent.on.limit
      const began = Date.now()
      const { answer } = await call(
        scene,
        { do: 'error', status: 429, retryAfter: 3600 },
        patienceFor(agent.on.limit),
        env,
      )
      expect(answer.outcome, answer.message).toBe(outcome)
      expect(scene.model.asked.length).toBeGreaterThan(0)
      if (resetAt) expectAnHour(answer, began)
      else expect(answer.resetAt).toBeUndefined()
      expect(scene.processes()).toEqual([])
    })

    test(`${says(agent.on.error)} when the model fails`, async () => {
      const scene = await open()
      const { answer } = await call(scene, { do: 'error', status: 500 }, patienceFor(agent.on.error))
      expect(answer.outcome, answer.message).toBe(agent.on.error.outcome)
      expect(scene.model.asked.length).toBeGreaterThan(0)
      expect(scene.processes()).toEqual([])
    })

    test('is `stalled` when the model falls silent in the middle of its work, and leaves no process', async () => {
      const scene = await open()
      const { answer } = await call(scene, (asked) => (asked.continues ? { do: 'hang' } : edit(scene)), { stallMs })
      expect(answer.outcome, answer.message).toBe('stalled')
      expect(scene.model.asked.some((asked) => asked.continues)).toBe(true)
      expect(scene.processes()).toEqual([])
    })

    test('is `timeout` when its time is up, and leaves no process', async () => {
      const scene = await open()
      const { answer } = await call(scene, { do: 'hang' }, { timeoutMs: 6000 })
      expect(answer.outcome, answer.message).toBe('timeout')
      expect(scene.processes()).toEqual([])
    })

    test('is `killed` in the middle of a call, and leaves no process', async () => {
      const scene = await open()
      const stop = new AbortController()
      const { answer } = await call(
        scene,
        () => {
          stop.abort()
          return { do: 'hang' }
        },
        { signal: stop.signal },
      )
      expect(answer.outcome, answer.message).toBe('killed')
      expect(scene.processes()).toEqual([])
    })

    test('tells of its work while it works', async () => {
      const scene = await open()
      const heard = Promise.withResolvers<void>()
      // The model says no more until the agent has passed on what it said; one that tells too late runs into its timeout.
      const { answer } = await call(
        scene,
        (asked) => (asked.continues ? { do: 'slow', parts: ['Written.'], next: () => heard.promise } : edit(scene)),
        { onDelta: (delta) => isWork(delta) && heard.resolve() },
      )
      expect(answer).toMatchObject({ outcome: 'done', text: expect.stringContaining('Written.') })
    })

    test.runIf(agent.streams)('passes on an answer while it comes', async () => {
      const scene = await open()
      const heard = Promise.withResolvers<void>()
      let said = ''
      const { answer } = await call(
        scene,
        () => {
          let parts = 0
          return {
            do: 'slow',
            parts: ['one ', 'two ', 'three'],
            next: async () => (parts++ < 2 ? undefined : await heard.promise),
          }
        },
        {
          onDelta(delta) {
            if (delta.type === 'text') said += delta.text
            if (said.includes('one')) heard.resolve()
          },
        },
      )
      expect(answer).toMatchObject({ outcome: 'done', text: 'one two three' })
    })

    test.runIf(agent.denied !== undefined)('is `refused` when it was not allowed to do what it wanted', async () => {
      const scene = await open(agent.denied?.files)
      const paths = { inside: join(scene.repository, 'hello.txt'), outside: join(scene.root, 'outside.txt') }
      const { answer } = await call(scene, (asked) => agent.denied?.behaviour(asked, paths) ?? { do: 'hang' })
      expect(answer.outcome, answer.message).toBe('refused')
      expect(git(scene.repository, 'status', '--porcelain')).toBe('')
      expect(existsSync(paths.outside)).toBe(false)
    })
  })
}

type Env = Readonly<Record<string, string>>

/** What a test changes of a call. */
type Call = Partial<AgentRequest> & {
  readonly signal?: AbortSignal
  readonly onDelta?: (delta: AgentDelta) => void
}

const says = ({ outcome, silent }: Reaction) => `is \`${outcome}\`${silent ? ', after a silence,' : ''}`
const patienceFor = ({ silent }: Reaction): Call => (silent ? { stallMs } : {})
const isWork = (delta: AgentDelta) => delta.type === 'text' || delta.type === 'tool'
const textOf = (asked: Asked) => `${asked.system}\n${asked.said}`

/** An hour from the call on, to the minute: some name the time of a clock. */
function expectAnHour({ resetAt = 0 }: AgentResponse, began: number): void {
  expect(resetAt).toBeGreaterThan(began + 3_500_000)
  expect(resetAt).toBeLessThanOrEqual(Date.now() + 3_660_000)
}

/** Plays the model of all three roles. */
function loopScript(scene: Scene): (asked: Asked) => Behaviour {
  return (asked) => {
    const text = textOf(asked)
    if (text.includes(decomposerRole.system)) {
      return { do: 'text', text: '{"subgoals": [{"id": "hello", "description": "Create hello.txt."}]}' }
    }
    if (text.includes(reviewerRole.system)) {
      const gates = '"quality_ok": true, "consistency_ok": true, "goal_aligned": true, "goal_complete": true'
      return { do: 'text', text: `{${gates}, "issues": [], "follow_up_questions": []}` }
    }
    // An agent that makes a title for the conversation asks for it apart, without its tools.
    if (asked.tools.length < 2 || !text.includes(workerRole.system)) return { do: 'text', text: 'A title' }
    const path = join(scene.worktreeIn(text), 'hello.txt')
    return { do: 'edit', path, content: 'hello\n', text: 'I created hello.txt.' }
  }
}

type Settled = Pick<AgentResponse, 'outcome' | 'sessionId' | 'usage'> & { readonly outputPath?: string }

/** What the journal says of the calls of agents, in order. */
async function agentCalls(home: string, run: string): Promise<Settled[]> {
  const store = await openSqliteStore({ path: join(home, 'loopwright.db') })
  try {
    const events = await store.read(run)
    return events.flatMap((event) =>
      event.kind === 'step_settled' && event.effect === 'agent' ? [event.value as unknown as Settled] : [],
    )
  } finally {
    await store.close()
  }
}
