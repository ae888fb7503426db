import { chmodSync, existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { git, makeRepo, scratch, write } from '../test/fixtures/repo.ts'
import { reply } from './agents/scripted/reply.ts'
import type { JournalEvent } from './core/event.ts'
import { defineLoop, LoopwrightError, scripted, startRun } from './index.ts'

/** A project with a commit, and a place for state; both go when the test is over. */
function place() {
  const temporary = scratch()
  const cwd = makeRepo(join(temporary.path, 'project'))
  return { cwd, home: join(temporary.path, 'home'), [Symbol.dispose]: () => temporary[Symbol.dispose]() }
}

const accepts = (change: Parameters<typeof scripted>[0] = {}) => scripted({ acceptOnIteration: 1, ...change })

test('a goal is started in one call, and its result has the shape clients know', async () => {
  using here = place()
  const agent = accepts({
    subgoals: ['write hello'],
    replies: { worker: reply({ text: 'wrote it', edits: [{ write: 'hello.txt', content: 'hello\n' }] }) },
  })
  const verify = [{ name: 'is there', run: ['test', '-f', 'hello.txt'] }]
  const run = await startRun({ ...here, goal: 'say hello', criteria: 'hello.txt is there', agent, verify })
  const result = await run.result()
  expect(result).toMatchObject({
    run_id: run.id,
    completed: true,
    iterations: 1,
    stop_reason: 'goal_complete',
    final_output: '### s1: write hello\nwrote it',
    summary: `completed in 1 iteration(s) | reason: goal_complete | worktree loopwright/${run.id} (1 file changed)`,
    worktree: { branch: `loopwright/${run.id}`, changed_files: ['hello.txt'], checkpoints: [{ iteration: 1 }] },
  })
  expect(result.history).toMatchObject([{ iteration: 1, verification: [{ name: 'is there', ok: true, exit_code: 0 }] }])
  expect(git(here.cwd, 'show', `loopwright/${run.id}:hello.txt`)).toBe('hello\n')
  expect(git(here.cwd, 'status', '--porcelain')).toBe('')
})

// The program of the README; there it runs as it stands (test/e2e/docs-programs.test.ts).
test('a loop of one’s own takes fifteen lines', async () => {
  using here = place()
  const writer = { name: 'writer', system: 'You write haiku.', prompt: (wish: string) => wish }

  const haiku = defineLoop({
    name: 'haiku',
    async run(loop, spec: { topic: string }) {
      for (let wish = `A haiku about ${spec.topic}`; ; wish += '\nIt must have three lines.') {
        await loop.iteration() // ends by budget, never by luck
        const draft = await loop.agent(writer, wish)
        if (draft.text.split('\n').length === 3) return draft.text // code decides
      }
    },
  })

  const agent = scripted({ replies: { writer: ({ prompt }) => (prompt.includes('three') ? 'a\nb\nc' : 'no') } })
  const run = await startRun({ ...here, loop: haiku, spec: { topic: 'loops' }, agent, budget: { iterations: 4 } })
  expect(await run.result()).toMatchObject({
    completed: true,
    iterations: 2,
    final_output: 'a\nb\nc',
    stop_reason: 'done',
  })
  expect(git(here.cwd, 'status', '--porcelain')).toBe('')

  const bounded = await startRun({ ...here, loop: haiku, spec: { topic: 'loops' }, agent, budget: { iterations: 1 } })
  expect(await bounded.result()).toMatchObject({ completed: false, stop_reason: 'max_iterations (1) reached' })
})

test('the program of this test is the one in the README', () => {
  const squeezed = (text: string) => text.replace(/\s+/g, ' ')
  const page = readFileSync(join(import.meta.dirname, '..', 'README.md'), 'utf8')
  const own = readFileSync(import.meta.filename, 'utf8')
  const [, program = ''] = /(const haiku = defineLoop[\s\S]*?\n\}\))\n/.exec(page) ?? []
  expect(program.split('\n').length).toBeLessThanOrEqual(15)
  expect(squeezed(own)).toContain(squeezed(program))
})

test('the same id again goes on where the run was, with the budget given now', async () => {
  using here = place()
  const asked: string[] = []
  const agent = scripted({
    replies: {
      worker: ({ env }) => {
        asked.push(env?.LOOPWRIGHT_ITERATION ?? '')
        return 'did it'
      },
    },
  })
  const start = (iterations: number) =>
    startRun({ ...here, id: 'mine', goal: 'win', criteria: 'won', agent, budget: { iterations } })
  expect(await (await start(1)).result()).toMatchObject({ completed: false, stop_reason: 'max_iterations (1) reached' })
  expect(await (await start(3)).result()).toMatchObject({ completed: true, iterations: 2, run_id: 'mine' })
  expect(asked).toEqual(['1', '1', '2', '2'])
})

test('questions go to whoever is given, and the answers to the agents', async () => {
  using here = place()
  const prompts: string[] = []
  const agent = accepts({
    questions: ['which colour?', 'how large?'],
    subgoals: ['paint'],
    replies: {
      worker: ({ prompt }) => {
        prompts.push(prompt)
        return 'painted'
      },
    },
  })
  const asked: (readonly string[])[] = []
  const ask = (questions: readonly string[]) => {
    asked.push(questions)
    return ['red', 'very']
  }
  const run = await startRun({ ...here, goal: 'paint it', criteria: 'painted', agent, ask })
  expect(await run.result()).toMatchObject({ completed: true })
  expect(asked).toEqual([['which colour?', 'how large?']])
  expect(prompts[0]).toContain('- which colour? red\n- how large? very')
})

test('a goal that may ask, with nobody to ask, waits with its questions', async () => {
  using here = place()
  const agent = accepts({ questions: ['which colour?'] })
  const run = await startRun({ ...here, goal: 'paint it', criteria: 'painted', agent, ask: true })
  expect(await run.result()).toMatchObject({ stop_reason: 'needs_input', questions: ['which colour?'] })
})

test('a run that asks nobody stops to ask: the result has the questions and where the answers go', async () => {
  using here = place()
  const loop = defineLoop({ name: 'asks', run: (loop) => loop.ask('colour', { questions: ['which colour?'] }) })
  const first = await (await startRun({ ...here, loop, id: 'asking' })).result()
  expect(first).toMatchObject({ status: 'waiting', stop_reason: 'needs_input', questions: ['which colour?'] })
  const again = await startRun({ ...here, loop, id: 'asking' })
  await again.answer(first.token ?? '', 'red')
  expect(await again.result()).toMatchObject(
    // The answer may come after the run was looked at; then it waits for the next start.
    { status: expect.stringMatching(/^(done|waiting)$/) },
  )
  expect(await (await startRun({ ...here, loop, id: 'asking' })).result()).toMatchObject({ final_output: 'red' })
})

test('every event is heard, in order and once; what the listener throws ends nothing', async () => {
  using here = place()
  const heard: JournalEvent[] = []
  const run = await startRun({
    ...here,
    goal: 'win',
    criteria: 'won',
    agent: accepts(),
    onEvent: (event) => {
      heard.push(event)
      throw new Error('a broken listener')
    },
  })
  expect(await run.result()).toMatchObject({ completed: true })
  expect(heard.map(({ seq }) => seq)).toEqual(heard.map((_, at) => at + 1))
  expect(heard[0]?.kind).toBe('run_started')
  expect(heard.at(-1)?.kind).toBe('run_finished')
})

test('a signal interrupts the run, which can be gone on with', async () => {
  using here = place()
  const interrupt = new AbortController()
  let calls = 0
  const agent = accepts({
    subgoals: ['work'],
    replies: {
      worker: (_, { signal }) => {
        if (++calls > 1) return 'did it'
        return new Promise((resolve) => {
          signal.addEventListener('abort', () => resolve('too late'))
          interrupt.abort()
        })
      },
    },
  })
  const request = { ...here, id: 'cut', goal: 'win', criteria: 'won', agent }
  const run = await startRun({ ...request, signal: interrupt.signal })
  expect(await run.result()).toMatchObject({ status: 'paused', completed: false, stop_reason: 'interrupted' })
  expect(await (await startRun(request)).result()).toMatchObject({ completed: true })
  expect(calls).toBe(2)
})

test('a run can be stopped, cancelled and sent messages by its handle', async () => {
  using here = place()
  const begun = Promise.withResolvers<void>()
  const waits = defineLoop({
    name: 'waits',
    run: async (loop) => {
      await loop.iteration()
      await loop.step(
        'work',
        ({ signal }) => {
          begun.resolve()
          return new Promise((resolve) => signal.addEventListener('abort', () => resolve('so far')))
        },
        { reserve: { agentCalls: 1 } },
      )
      await loop.iteration()
    },
  })
  const run = await startRun({ ...here, loop: waits })
  await begun.promise
  await run.stop('enough')
  expect(await run.result()).toMatchObject({ status: 'stopped', stop_reason: 'enough' })

  const listens = defineLoop({ name: 'listens', run: (loop) => loop.receive('word') })
  const listening = await startRun({ ...here, loop: listens })
  await listening.send('word', 'hello')
  expect(await listening.result()).toMatchObject({ final_output: 'hello' })

  const cancelled = await startRun({ ...here, loop: listens })
  await cancelled.cancel('not wanted')
  expect(await cancelled.result()).toMatchObject({ status: 'cancelled', completed: false })
})

test('what is wrong with a request is said before anything is made', async () => {
  using here = place()
  await expect(startRun({ ...here, goal: '  ' })).rejects.toThrow('the goal is empty')
  await expect(startRun({ ...here, goal: 'win', agent: 'claud-code' })).rejects.toBeInstanceOf(LoopwrightError)
  const picky = defineLoop({
    name: 'picky',
    parse: () => {
      throw new LoopwrightError('bad_input', 'not like this')
    },
    run: async () => {},
  })
  await expect(startRun({ ...here, loop: picky })).rejects.toMatchObject({ code: 'bad_input' })
})

test('a run too large for the journal gives its result whole', async () => {
  using here = place()
  const loop = defineLoop({ name: 'large', run: (loop) => loop.step('large', () => 'x'.repeat(400_000)) })
  const result = await (await startRun({ ...here, loop })).result()
  expect(result.final_output).toHaveLength(400_000)
})

test("a loop of one's own starts no agent that the project leads and nobody trusts", async () => {
  using here = place()
  write(here.cwd, { '.claude/settings.json': '{"hooks":{}}' })
  git(here.cwd, 'add', '-A')
  git(here.cwd, 'commit', '-qm', 'hooks')
  const bin = join(here.home, '..', 'bin')
  write(bin, { claude: '#!/bin/sh\ntouch "$0.started"\n' })
  chmodSync(join(bin, 'claude'), 0o755)
  const role = { name: 'worker', system: '', prompt: () => 'go' }
  const loop = defineLoop({ name: 'own', run: async (one) => (await one.agent(role, undefined)).text })
  const path = process.env.PATH
  process.env.PATH = `${bin}:${path}`
  try {
    const run = await startRun({ ...here, loop, agent: 'claude-code' })
    await expect(run.result()).resolves.toMatchObject({
      completed: false,
      error: { code: 'untrusted', message: expect.stringContaining('.claude/settings.json') },
    })
  } finally {
    process.env.PATH = path
  }
  expect(existsSync(join(bin, 'claude.started'))).toBe(false)
})
