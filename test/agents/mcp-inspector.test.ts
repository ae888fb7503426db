import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { dirname, join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { launcher, mcpScene } from '../fixtures/mcp.ts'
import { installed, installMs } from './install.ts'
import { served } from './mcp-served.ts'

const inspector = { package: '@modelcontextprotocol/inspector', version: '2.12.0', command: 'mcp-inspector' }

/** The revisions of the protocol it speaks: those with a session, and today's. */
const eras = ['legacy', 'modern'] as const

describe(`the Inspector's command line ${inspector.version}`, () => {
  let commands = ''
  beforeAll(async () => {
    commands = await installed(inspector)
  }, installMs + 10_000)

  /** Asks it once; answers its exit code and what it printed. */
  async function ask(scene: ReturnType<typeof mcpScene>, args: readonly string[]) {
    const child = spawn(join(commands, inspector.command), ['--cli', ...args], {
      cwd: scene.repository,
      env: { ...scene.env, PATH: `${dirname(process.execPath)}:${scene.env.PATH}` },
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: 60_000,
    })
    let [out, err] = ['', '']
    child.stdout.setEncoding('utf8').on('data', (part: string) => {
      out += part
    })
    child.stderr.setEncoding('utf8').on('data', (part: string) => {
      err += part
    })
    const [code] = (await once(child, 'close')) as [number | null]
    return { code, out, err }
  }

  const onStdio = (scene: ReturnType<typeof mcpScene>) => [
    ...['-e', `LOOPWRIGHT_HOME=${scene.env.LOOPWRIGHT_HOME}`],
    ...[process.execPath, launcher, 'mcp', 'serve'],
  ]

  /** Asks for all that we offer, and looks that it is there. */
  async function look(scene: ReturnType<typeof mcpScene>, server: readonly string[], era: string): Promise<void> {
    const answer = async (...method: string[]) => {
      const { code, out, err } = await ask(scene, [...server, '--protocol-era', era, '--method', ...method])
      expect(code, err).toBe(0)
      return JSON.parse(out) as unknown
    }
    const named = (name: string) => expect.objectContaining({ name })
    expect(await answer('tools/list')).toMatchObject({
      tools: expect.arrayContaining(['orchestrate', 'run_loop', 'list_backends', 'doctor'].map(named)),
    })
    expect(await answer('tools/call', '--tool-name', 'list_backends')).toMatchObject({
      structuredContent: { backends: { scripted: { available: true } } },
    })
    expect(await answer('resources/list')).toMatchObject({
      resources: expect.arrayContaining([expect.objectContaining({ uri: 'loopwright://runs' })]),
    })
    expect(await answer('prompts/list')).toMatchObject({ prompts: [named('design_loop'), named('review_run')] })
  }

  test.for(eras)(
    'finds tools, resources and prompts on standard input and output, and calls a tool: %s',
    async (era) => {
      await using scene = mcpScene()
      await look(scene, onStdio(scene), era)
    },
  )

  test.for(eras)('finds the same over HTTP, with the token: %s', async (era) => {
    await using scene = mcpScene()
    await using server = await served(scene)
    await look(scene, ['--server-url', server.url, '--header', `Authorization: Bearer ${server.token}`], era)
  })

  test('is told nothing over HTTP without the token', async () => {
    await using scene = mcpScene()
    await using server = await served(scene)
    const args = ['--server-url', server.url, '--header', 'Authorization: Bearer wrong', '--stored-auth-only']
    const { code, out, err } = await ask(scene, [...args, '--method', 'tools/list'])
    expect(code).not.toBe(0)
    expect(out).toBe('')
    expect(err).toContain('the token is missing or wrong')
  })

  test('sees nothing in the schemas of our tools that some client might not read', async () => {
    await using scene = mcpScene()
    const { code, err } = await ask(scene, ['--strict', ...onStdio(scene), '--method', 'tools/list'])
    expect({ code, err }).toEqual({ code: 0, err: '' })
  })
})
