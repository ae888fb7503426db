import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, closeSync, constants, openSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeAll, describe, expect, test } from 'vitest'
import { mcpClientFile } from '../../src/formats/mcp-clients.ts'
import { until } from '../fixtures/engine.ts'
import { git, write } from '../fixtures/repo.ts'
import type { AgentCase, McpCase } from './describe.ts'
import { installed, installMs } from './install.ts'
import { type Body, object, type Script } from './model/script.ts'
import { type Ended, makeScene, type Scene } from './scene.ts'

/** How long an agent may take from its start to its end, in milliseconds. */
const agentMs = 90_000

/** Agents by a script, for the run that is begun: one iteration, and a file. */
const writes = `
acceptOnIteration: 1
subgoals: [the work]
replies:
  - { role: worker, text: written, edits: [{ write: out.txt, content: "hello\\n" }] }
`

/** Everything that must hold of a real agent that calls our MCP server. */
export function mcpSuite(agent: AgentCase, mcp = agent.mcp): void {
  const { preset, pinned } = agent
  if (mcp === undefined) throw new Error(`it is not said how ${preset.name} calls an MCP server`)
  describe(`${preset.name} ${pinned.version} as a client of our MCP server, by ${mcp.tool}`, () => {
    let commands = ''
    const scenes: Scene[] = []
    beforeAll(async () => {
      commands = await installed(pinned)
    }, installMs + 10_000)
    afterEach(async () => {
      for (const scene of scenes.splice(0)) await scene.close()
    })

    /** A scene in which the agent was told of our server, by us; and what `orchestrate` is called with there. */
    const open = async () => {
      const scene = await makeScene(agent, commands)
      scenes.push(scene)
      const { code, err } = await scene.loopwright('mcp', 'install', '--client', mcp.client, '--yes')
      expect(code, err).toBe(0)
      write(scene.root, { 'agents.yaml': writes })
      const backend = `scripted:${join(scene.root, 'agents.yaml')}`
      const goal = { goal: 'write out.txt', success_criteria: 'it is there', backend, cwd: scene.repository }
      return { scene, goal }
    }

    test('takes a goal to a verified branch in one call, and its model gets the result', async () => {
      const { scene, goal } = await open()
      const wire = listenIn(scene, mcp)
      const ended = await converse(scene, mcp, { ...goal, verify_commands: ['test -f out.txt'], detach: false })
      const { run_id: run, ...facts } = told(scene)
      expect(facts).toMatchObject({ status: 'done', completed: true, stop_reason: 'goal_complete' })
      expect(await stateOf(scene, run)).toMatchObject({ run_id: run, completed: true })
      expect(git(scene.repository, 'show', `loopwright/${run}:out.txt`)).toBe('hello\n')
      expect(git(scene.repository, 'status', '--porcelain')).toBe('')
      await until('nothing is left of it', () => scene.processes().length === 0)
      // Whatever it printed is its own: each line is a message.
      for (const line of linesOf(ended.out)) expect(() => JSON.parse(line), line).not.toThrow()
      expect(wire.answers().length).toBeGreaterThan(2)
      for (const answer of wire.answers()) expect(answer).toMatchObject({ jsonrpc: '2.0' })
      expect(wire.version()).toBe(mcp.protocol)
    })

    test('begins a run that outlives it, and leaves nothing else', async () => {
      const { scene, goal } = await open()
      const gate = join(scene.root, 'gate')
      await once(spawn('mkfifo', [gate], { stdio: 'ignore' }), 'exit')
      // The check of the run waits until somebody opens the other end.
      await converse(scene, mcp, { ...goal, verify_commands: [`cat ${gate}`] })
      const { run_id: run, ...facts } = told(scene)
      expect(facts).toMatchObject({ status: 'running', tail_command: `loopwright tail -f ${run}` })
      await until('only the run is left of it', () => scene.processes().every((pid) => belongsTo(pid, run)))
      expect(await stateOf(scene, run)).toMatchObject({ running: true, completed: false })
      await until('its check waits at the gate', () => opened(gate))
      await until('the run is over', () => scene.processes().length === 0)
      expect(await stateOf(scene, run)).toMatchObject({ status: 'done', completed: true })
      expect(git(scene.repository, 'show', `loopwright/${run}:out.txt`)).toBe('hello\n')
    })
  })
}

/** Lets the agent ask its model, which calls `orchestrate` and then ends; answers when the agent has ended by itself. */
async function converse(scene: Scene, mcp: McpCase, input: Body): Promise<Ended> {
  scene.model.script = calling(mcp, input)
  const [command = '', ...args] = mcp.argv('Use loopwright to write out.txt.')
  const { repository: cwd, env } = scene
  const child = spawn(command, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'], detached: true })
  let [out, err] = ['', '']
  child.stdout.setEncoding('utf8').on('data', (part: string) => {
    out += part
  })
  child.stderr.setEncoding('utf8').on('data', (part: string) => {
    err += part
  })
  const late = setTimeout(() => child.pid !== undefined && process.kill(-child.pid, 'SIGKILL'), agentMs)
  const [code] = (await once(child, 'close')) as [number | null]
  clearTimeout(late)
  expect(scene.model.faults).toEqual([])
  expect(code, `${out}\n${err}`).toBe(0)
  return { code, out, err }
}

/** The model calls what must be called before, then `orchestrate`, once each, and says that all is done. */
function calling({ tool, before, wrap = (one) => one }: McpCase, input: Body): Script {
  const calls = [...(before === undefined ? [] : [before]), { name: tool, input: wrap(input) }]
  return ({ tools, continues }) => {
    // Something else is wanted of it, such as a title for the conversation.
    if (!continues && !tools.includes(before?.name ?? tool)) return { do: 'text', text: 'A title' }
    const call = calls.shift()
    return call === undefined ? { do: 'text', text: 'It is done.' } : { do: 'call', ...call }
  }
}

/** What the model got back from the last call. Throws when that was none of our answers. */
function told(scene: Scene): Body & { readonly run_id: string } {
  const { result } = scene.model.asked.findLast((asked) => asked.continues) ?? { result: '' }
  // Some agents put our text into a text of theirs.
  const quoted = /\{\\"(?:run_id|status)\\".*\}(?=\\n)/.exec(result)?.[0]
  const json = quoted?.replaceAll('\\"', '"') ?? /\{"(?:run_id|status)".*\}/.exec(result)?.[0]
  if (json === undefined) throw new Error(`no answer of ours came back to the model: ${result.slice(0, 2000)}`)
  return JSON.parse(json) as Body & { readonly run_id: string }
}

async function stateOf(scene: Scene, run: string): Promise<Body> {
  const { out } = await scene.loopwright('status', run, '--json')
  return JSON.parse(out) as Body
}

/** Puts a program between the agent and our server that writes down what is said; all else of the configuration stays. */
function listenIn(
  scene: Scene,
  { client }: McpCase,
): {
  answers(): readonly Body[]
  /** The revision of the protocol in which it called. */
  version(): unknown
} {
  const { HOME: home = '', PATH: _, ...env } = scene.env
  const path = mcpClientFile(client, 'user', { home, project: scene.repository, platform: process.platform, env })
  const [own, between] = [process.execPath, join(scene.root, 'between')]
  const [asked, answered] = [join(scene.root, 'asked'), join(scene.root, 'answered')]
  const text = readFileSync(path, 'utf8')
  expect(text).toContain(JSON.stringify(own))
  writeFileSync(path, text.replace(JSON.stringify(own), JSON.stringify(between)))
  writeFileSync(between, `#!/bin/sh\ntee -a '${asked}' | '${own}' "$@" | tee -a '${answered}'\n`)
  chmodSync(between, 0o755)
  const messages = (log: string) => linesOf(readFileSync(log, 'utf8')).map((line) => JSON.parse(line) as Body)
  return {
    answers: () => messages(answered),
    version() {
      const call = messages(asked).find(({ method }) => method === 'tools/call')
      const own = object(object(call?.params)._meta)['io.modelcontextprotocol/protocolVersion']
      const settled = messages(answered).map(({ result }) => object(result).protocolVersion)
      return own ?? settled.find((version) => version !== undefined)
    },
  }
}

const linesOf = (text: string) => text.split('\n').filter((line) => line.trim() !== '')

/** Whether a process drives the run, or was started by one that does. */
function belongsTo(pid: number, run: string): boolean {
  for (let at = pid; at > 1; ) {
    try {
      if (readFileSync(`/proc/${at}/cmdline`, 'utf8').includes(run)) return true
      at = Number(/^PPid:\s*(\d+)/m.exec(readFileSync(`/proc/${at}/status`, 'utf8'))?.[1] ?? 0)
    } catch {
      return false
    }
  }
  return false
}

/** Opens a named pipe and closes it, if somebody waits at the other end. */
function opened(path: string): boolean {
  try {
    closeSync(openSync(path, constants.O_WRONLY | constants.O_NONBLOCK))
    return true
  } catch {
    return false
  }
}
