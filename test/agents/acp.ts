import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeAll, describe, expect, test } from 'vitest'
import { acpProgram, knownAcpAgent } from '../../src/agents/acp/known.ts'
import type { AgentDelta, ApprovalPolicy } from '../../src/core/ports.ts'
import type { AgentCase } from './describe.ts'
import { installed, installMs } from './install.ts'
import { type Behaviour, type Script, used } from './model/script.ts'
import { makeScene, type Scene } from './scene.ts'

/** Everything that must hold of a real agent that speaks the Agent Client Protocol. */
export function acpSuite(agent: AgentCase): void {
  const { preset, acp } = agent
  if (acp === undefined) throw new Error(`it is not said how ${preset.name} speaks the protocol`)
  const { adapter = agent.pinned, model = agent.model, usage } = acp
  describe(`${adapter.package} ${adapter.version} over the Agent Client Protocol`, () => {
    let commands = ''
    const scenes: Scene[] = []
    beforeAll(async () => {
      commands = await installed(adapter)
    }, installMs + 10_000)
    afterEach(async () => {
      for (const scene of scenes.splice(0)) await scene.close()
    })

    async function open(): Promise<Scene> {
      const scene = await makeScene(agent, commands)
      scenes.push(scene)
      return scene
    }

    async function call(scene: Scene, script: Script, mode: ApprovalPolicy['mode'], signal?: AbortSignal) {
      scene.model.script = script
      const deltas: AgentDelta[] = []
      const program = acpProgram(preset)
      if (program === undefined) throw new Error(`${preset.name} does not speak the protocol`)
      const options = { env: scene.env, model }
      const made = knownAcpAgent(preset, program, join(commands, program.executable), options)
      const answer = await made.run(
        {
          role: 'worker',
          system: 'Be brief.',
          prompt: 'Create hello.txt.',
          cwd: scene.repository,
          timeoutMs: 90_000,
          outputPath: join(scene.root, 'out.txt'),
          approvals: { mode, rules: [] },
        },
        { signal: signal ?? new AbortController().signal, onDelta: (delta) => deltas.push(delta) },
      )
      expect(scene.model.faults).toEqual([])
      expect(scene.processes()).toEqual([])
      const decisions = deltas.flatMap((delta) => (delta.type === 'permission' ? [delta.decision] : []))
      return { answer, deltas, decisions }
    }

    const edit = (scene: Scene): Behaviour => ({
      do: 'edit',
      path: join(scene.repository, 'hello.txt'),
      content: 'hello\n',
      text: 'Written.',
    })

    test('asks before it writes a file, and writes it when it may', async () => {
      const scene = await open()
      const { answer, deltas, decisions } = await call(scene, () => edit(scene), 'edits')
      expect(answer).toMatchObject({ outcome: 'done', text: expect.stringContaining('Written.') })
      expect(decisions).toEqual(['allow'])
      expect(existsSync(join(scene.repository, 'hello.txt'))).toBe(true)
      expect(answer.sessionId).toMatch(/\S/)
      expect(deltas.some((delta) => delta.type === 'tool')).toBe(true)
      expect(deltas.some((delta) => delta.type === 'text' && delta.text.includes('Written.'))).toBe(true)
      expect(scene.model.asked.some((asked) => `${asked.system}\n${asked.said}`.includes('Be brief.'))).toBe(true)
      expect(answer.usage?.outputTokens).toBe(usage === 'call' ? 2 * used.output : used.output)
    })

    test('is `refused` when it may not', async () => {
      const scene = await open()
      const { answer, decisions } = await call(scene, () => edit(scene), 'none')
      expect(answer.outcome, answer.message).toBe('refused')
      expect(decisions).toEqual(['deny'])
      expect(existsSync(join(scene.repository, 'hello.txt'))).toBe(false)
    })

    test('is `killed` in the middle of a call, and leaves no process', async () => {
      const scene = await open()
      const stop = new AbortController()
      const hang: Script = () => {
        stop.abort()
        return { do: 'hang' }
      }
      const { answer } = await call(scene, hang, 'edits', stop.signal)
      expect(answer.outcome, answer.message).toBe('killed')
    })
  })
}
