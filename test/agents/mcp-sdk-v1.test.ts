import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { beforeAll, describe, expect, test } from 'vitest'
import { type Facts, launcher, mcpScene } from '../fixtures/mcp.ts'
import { installedPackage, installMs } from './install.ts'
import { served } from './mcp-served.ts'

const sdk = { package: '@modelcontextprotocol/sdk', version: '1.32.2' }

/** What we use of the SDK; it is no dependency of ours, so its types are not here. */
interface Sdk {
  readonly Client: new (info: object, options: { readonly capabilities: object }) => V1Client
  readonly StdioClientTransport: new (server: object) => object
  readonly StreamableHTTPClientTransport: new (url: URL, options: object) => object
  /** Stands for the request in which a server asks the user. */
  readonly ElicitRequestSchema: object
}

interface V1Client {
  connect(transport: object): Promise<void>
  close(): Promise<void>
  getServerVersion(): { readonly name: string } | undefined
  getServerCapabilities(): object | undefined
  getInstructions(): string | undefined
  setRequestHandler(schema: object, handler: (request: { readonly params: Elicitation }) => object): void
  listTools(): Promise<{ readonly tools: readonly Named[] }>
  listResources(): Promise<{ readonly resources: readonly { readonly uri: string }[] }>
  listPrompts(): Promise<{ readonly prompts: readonly Named[] }>
  callTool(
    params: { readonly name: string; readonly arguments: object },
    schema: undefined,
    options: { readonly onprogress?: (progress: Progress) => void; readonly timeout: number },
  ): Promise<{ readonly isError?: boolean; readonly content: unknown; readonly structuredContent?: Facts }>
}

interface Named {
  readonly name: string
}

interface Progress {
  readonly progress: number
  readonly message?: string
}

interface Elicitation {
  readonly message: string
  readonly requestedSchema: { readonly properties: Readonly<Record<string, { readonly title?: string }>> }
}

const asks = `
acceptOnIteration: 1
subgoals: [the work]
questions: [Which colour?, Which size?]
replies:
  - { role: worker, text: written, edits: [{ write: out.txt, content: "hello\\n" }] }
`

describe(`a client made with version ${sdk.version} of the SDK`, () => {
  let at: Sdk
  beforeAll(async () => {
    const folder = join(await installedPackage(sdk), 'dist', 'esm')
    const part = async (path: string) => (await import(pathToFileURL(join(folder, path)).href)) as Partial<Sdk>
    const parts = ['client/index.js', 'client/stdio.js', 'client/streamableHttp.js', 'types.js'].map(part)
    at = Object.assign({}, ...(await Promise.all(parts))) as Sdk
  }, installMs + 10_000)

  type Scene = ReturnType<typeof mcpScene>

  const onStdio = ({ repository: cwd, env }: Scene) =>
    new at.StdioClientTransport({
      command: process.execPath,
      args: [launcher, 'mcp', 'serve'],
      cwd,
      env,
      stderr: 'ignore',
    })

  const onHttp = ({ url, token }: { readonly url: string; readonly token: string }) =>
    new at.StreamableHTTPClientTransport(new URL(url), {
      requestInit: { headers: { authorization: `Bearer ${token}` } },
    })

  async function connect(transport: object, capabilities: object = {}) {
    const client = new at.Client({ name: 'test', version: '1.0.0' }, { capabilities })
    await client.connect(transport)
    return { client, [Symbol.asyncDispose]: async () => await client.close() }
  }

  const goalIn = (scene: Scene) => ({
    goal: 'write out.txt',
    success_criteria: 'it is there',
    verify_commands: ['test -f out.txt'],
    backend: scene.backend,
    cwd: scene.repository,
    detach: false,
  })

  /** All a client does: begins, looks what there is, and takes a goal to its end in one call. */
  async function useAll(scene: Scene, client: V1Client): Promise<void> {
    expect(client.getServerVersion()).toMatchObject({ name: 'loopwright' })
    expect(client.getServerCapabilities()).toMatchObject({ tools: {}, resources: {}, prompts: {} })
    expect(client.getInstructions()).toContain('orchestrate')
    expect((await client.listTools()).tools.map(({ name }) => name)).toEqual(expect.arrayContaining(['orchestrate']))
    expect((await client.listResources()).resources.map(({ uri }) => uri)).toContain('loopwright://runs')
    expect((await client.listPrompts()).prompts.map(({ name }) => name)).toEqual(['design_loop', 'review_run'])
    const told: Progress[] = []
    const params = { name: 'orchestrate', arguments: goalIn(scene) }
    const { structuredContent } = await client.callTool(params, undefined, {
      onprogress: (progress) => told.push(progress),
      timeout: 60_000,
    })
    expect(structuredContent).toMatchObject({ status: 'done', completed: true, iterations: 2 })
    expect(told.map(({ message }) => message)).toEqual([
      expect.stringContaining('started'),
      expect.stringContaining('iteration 1/4'),
      expect.stringContaining('iteration 2/4'),
    ])
    expect(told.map(({ progress }) => progress)).toEqual([0, 1, 2])
  }

  test('reaches a goal on standard input and output, with progress after every iteration', async () => {
    await using scene = mcpScene()
    await using connection = await connect(onStdio(scene))
    await useAll(scene, connection.client)
  })

  test('reaches a goal over HTTP, with progress after every iteration', async () => {
    await using scene = mcpScene()
    await using server = await served(scene)
    await using connection = await connect(onHttp(server))
    await useAll(scene, connection.client)
  })

  test('puts the questions of a run to its user, and the run goes on with the answers', async () => {
    await using scene = mcpScene(asks)
    await using connection = await connect(onStdio(scene), { elicitation: {} })
    const { client } = connection
    const seen: Elicitation[] = []
    client.setRequestHandler(at.ElicitRequestSchema, ({ params }) => {
      seen.push(params)
      return { action: 'accept', content: { answer_1: 'blue', answer_2: 'small' } }
    })
    const params = { name: 'orchestrate', arguments: { ...goalIn(scene), ask: true } }
    const { structuredContent } = await client.callTool(params, undefined, { timeout: 60_000 })
    expect(seen.map(({ requestedSchema }) => requestedSchema.properties)).toEqual([
      { answer_1: expect.objectContaining({ title: 'Which colour?' }), answer_2: expect.anything() },
    ])
    expect(structuredContent).toMatchObject({ status: 'done', completed: true })
  })

  test.for(['cannot ask its user', 'comes over HTTP'] as const)(
    'gets questions with a token when it %s',
    async (how) => {
      await using scene = mcpScene(asks)
      await using server = await served(scene)
      await using connection =
        how === 'comes over HTTP' ? await connect(onHttp(server), { elicitation: {} }) : await connect(onStdio(scene))
      const { client } = connection
      const call = async (name: string, input: object) =>
        (await client.callTool({ name, arguments: input }, undefined, { timeout: 60_000 })).structuredContent
      const asked = await call('orchestrate', { ...goalIn(scene), ask: true })
      expect(asked).toMatchObject({ status: 'needs_input', questions: expect.any(Array), token: expect.any(String) })
      const done = await call('orchestrate_resume', { token: asked?.token, answers: ['blue', 'small'], detach: false })
      expect(done).toMatchObject({ run_id: asked?.run_id, status: 'done', completed: true })
    },
  )

  test('learns what is wrong with a call', async () => {
    await using scene = mcpScene()
    await using connection = await connect(onStdio(scene))
    const params = { name: 'orchestrate_status', arguments: { run_id: 'nothing' } }
    const { isError, content } = await connection.client.callTool(params, undefined, { timeout: 60_000 })
    expect(isError).toBe(true)
    expect(content).toMatchObject([{ type: 'text', text: expect.stringContaining('nothing') }])
  })
})
