import {
  acceptedContent,
  CLIENT_CAPABILITIES_META_KEY,
  completable,
  createRequestStateCodec,
  fromJsonSchema,
  type InputRequiredResult,
  inputRequired,
  McpServer,
  ResourceTemplate,
  type ServerContext,
} from '@modelcontextprotocol/server'
import { z } from 'zod'
import { offerFixtureTasks } from './fixture-tasks.ts'

/** What the conformance suite expects to find on a server, by the names it gives. */

/** One red pixel, and a tenth of a second of silence. */
const png = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg=='
const wav = 'UklGRiQAAABXQVZFZm10IBAAAAABAAEAQB8AAEAfAAABAAgAZGF0YQAAAAA='

const codec = createRequestStateCodec<{ readonly round: number }>({ key: new Uint8Array(32).fill(7) })
const text = (said: string) => ({ content: [{ type: 'text' as const, text: said }] })
const image = { type: 'image' as const, data: png, mimeType: 'image/png' }
const form = (message: string, name: string, type: 'string' | 'boolean' = 'string') =>
  inputRequired.elicit({
    mode: 'form',
    message,
    requestedSchema: {
      type: 'object',
      properties: { [name]: type === 'string' ? { type } : { type } },
      required: [name],
    },
  })
const sample = (prompt: string, maxTokens = 100) =>
  inputRequired.createMessage({
    messages: [{ role: 'user', content: { type: 'text', text: prompt } }],
    maxTokens,
  })

export function everything(): McpServer {
  const server = new McpServer(
    { name: 'everything', version: '1.0.0' },
    {
      capabilities: { logging: {}, tools: { listChanged: false }, prompts: { listChanged: false } },
      requestState: { verify: (state, call) => codec.verify(state, call) },
    },
  )
  offerContent(server)
  offerTelling(server)
  offerAsking(server)
  offerReading(server)
  offerFixtureTasks(server)
  return server
}

function offerContent(server: McpServer): void {
  const tool = (name: string, perform: () => object) =>
    server.registerTool(name, { description: name }, async () => perform() as ReturnType<typeof text>)
  const json = {
    uri: 'test://mixed-content-resource',
    mimeType: 'application/json',
    text: '{"test":"data","value":123}',
  }
  const embedded = {
    uri: 'test://embedded-resource',
    mimeType: 'text/plain',
    text: 'This is an embedded resource content.',
  }
  tool('test_simple_text', () => text('This is a simple text response for testing.'))
  tool('test_image_content', () => ({ content: [image] }))
  tool('test_audio_content', () => ({ content: [{ type: 'audio', data: wav, mimeType: 'audio/wav' }] }))
  tool('test_embedded_resource', () => ({ content: [{ type: 'resource', resource: embedded }] }))
  tool('test_multiple_content_types', () => ({
    content: [...text('Multiple content types test:').content, image, { type: 'resource', resource: json }],
  }))
  tool('test_error_handling', () => {
    throw new Error('This tool intentionally returns an error for testing')
  })
  const { $schema, ...rest } = drawn2020
  server.registerTool(
    'json_schema_2020_12_tool',
    { description: 'A schema with everything', inputSchema: fromJsonSchema({ $schema, ...rest }) },
    async () => text('valid'),
  )
  server.registerTool(
    'test_header_param',
    {
      description: 'A parameter that is a header too',
      inputSchema: fromJsonSchema(withHeader),
    },
    async (input) => text(JSON.stringify(input)),
  )
}

const withHeader = {
  type: 'object',
  properties: { region: { type: 'string', 'x-mcp-header': 'Region' }, query: { type: 'string' } },
  required: ['region'],
}

/** The schema of `json-schema-2020-12`: what of it gets lost is looked at. */
const drawn2020 = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  type: 'object',
  $defs: {
    address: {
      $anchor: 'addressDef',
      type: 'object',
      properties: { street: { type: 'string' }, city: { type: 'string' } },
    },
  },
  properties: {
    name: { type: 'string' },
    address: { $ref: '#/$defs/address' },
    contactMethod: { type: 'string', enum: ['phone', 'email'] },
    phone: { type: 'string' },
    email: { type: 'string' },
  },
  allOf: [{ anyOf: [{ required: ['phone'] }, { required: ['email'] }] }],
  if: { properties: { contactMethod: { const: 'phone' } }, required: ['contactMethod'] },
  // biome-ignore lint/suspicious/noThenProperty: a word of JSON Schema
  then: { required: ['phone'] },
  else: { required: ['email'] },
  additionalProperties: false,
}

function offerTelling(server: McpServer): void {
  server.registerTool('test_tool_with_logging', { description: 'Says three things' }, async (call) => {
    for (const said of ['Tool execution started', 'Tool processing data', 'Tool execution completed'])
      await call.mcpReq.log('info', said)
    return text('logged')
  })
  server.registerTool('test_logging_tool', { description: 'Says one thing' }, async (call) => {
    await call.mcpReq.log('info', 'said')
    return text('logged')
  })
  server.registerTool('test_tool_with_progress', { description: 'Goes on in three steps' }, async (call) => {
    const progressToken = call.mcpReq._meta?.progressToken
    for (const progress of progressToken === undefined ? [] : [0, 50, 100]) {
      const params = { progressToken: progressToken ?? '', progress, total: 100 }
      await call.mcpReq.notify({ method: 'notifications/progress', params })
    }
    return text('done')
  })
}

type Asking = (call: ServerContext) => Promise<InputRequiredResult | ReturnType<typeof text>>

function offerAsking(server: McpServer): void {
  const tool = (name: string, perform: Asking) => server.registerTool(name, { description: name }, perform)
  const declared = (call: ServerContext): object => {
    const envelope: Readonly<Record<string, unknown>> = { ...call.mcpReq.envelope }
    return Object(envelope[CLIENT_CAPABILITIES_META_KEY])
  }
  const answered = (call: ServerContext, key: string) => call.mcpReq.inputResponses?.[key]
  tool('test_missing_capability', async () =>
    inputRequired({ inputRequests: { capital: sample('What is the capital of France?') } }),
  )
  tool('test_streaming_elicitation', async (call) => {
    if (answered(call, 'user_name')) return text('thank you')
    return inputRequired({ inputRequests: { user_name: form('Your name?', 'name') } })
  })
  tool('test_input_required_result_elicitation', async (call) => {
    const name = acceptedContent<{ name: string }>(call.mcpReq.inputResponses, 'user_name')?.name
    if (name !== undefined) return text(`Hello, ${name}!`)
    return inputRequired({ inputRequests: { user_name: form('What is your name?', 'name') } })
  })
  tool('test_input_required_result_sampling', async (call) => {
    const said = answered(call, 'capital_question')
    if (said) return text(JSON.stringify(said))
    return inputRequired({ inputRequests: { capital_question: sample('What is the capital of France?') } })
  })
  tool('test_input_required_result_list_roots', async (call) => {
    const roots = answered(call, 'client_roots')
    if (roots) return text(JSON.stringify(roots))
    return inputRequired({ inputRequests: { client_roots: inputRequired.listRoots() } })
  })
  for (const name of ['test_input_required_result_request_state', 'test_input_required_result_tampered_state']) {
    tool(name, async (call) => {
      const state = call.mcpReq.requestState<{ round: number }>()
      if (state?.round === 1 && answered(call, 'confirm')) return text('state-ok')
      return inputRequired({
        inputRequests: { confirm: form('Please confirm', 'ok', 'boolean') },
        requestState: await codec.mint({ round: 1 }, call),
      })
    })
  }
  tool('test_input_required_result_multiple_inputs', async (call) => {
    if (['user_name', 'greeting', 'client_roots'].every((key) => answered(call, key))) return text('all here')
    return inputRequired({
      inputRequests: {
        user_name: form('What is your name?', 'name'),
        greeting: sample('Generate a greeting', 50),
        client_roots: inputRequired.listRoots(),
      },
      requestState: await codec.mint({ round: 1 }, call),
    })
  })
  tool('test_input_required_result_multi_round', async (call) => {
    const round = call.mcpReq.requestState<{ round: number }>()?.round ?? 0
    if (round === 2 && answered(call, 'step2')) return text('three rounds')
    const second = round === 1 && answered(call, 'step1') !== undefined
    const requestState = await codec.mint({ round: second ? 2 : 1 }, call)
    const color = form('Step 2: What is your favorite color?', 'color')
    const name = form('Step 1: What is your name?', 'name')
    return inputRequired({ inputRequests: second ? { step2: color } : { step1: name }, requestState })
  })
  tool('test_input_required_result_capabilities', async (call) => {
    const can = declared(call)
    return inputRequired({
      inputRequests: {
        ...('elicitation' in can ? { user_name: form('Your name?', 'name') } : {}),
        ...('sampling' in can ? { greeting: sample('Generate a greeting') } : {}),
      },
    })
  })
  server.registerPrompt('test_input_required_result_prompt', { description: 'Asks for context' }, async (call) => {
    const said = acceptedContent<{ context: string }>(call.mcpReq.inputResponses, 'user_context')
    if (said) return { messages: [{ role: 'user', content: { type: 'text', text: `Context: ${said.context}` } }] }
    const asked = form('What context should the prompt use?', 'context')
    return inputRequired({ inputRequests: { user_context: asked } })
  })
}

const city = completable(z.string(), (begun) => ['paris', 'park', 'party'].filter((name) => name.startsWith(begun)))

function offerReading(server: McpServer): void {
  const resource = (name: string, uri: string, mimeType: string, content: { text: string } | { blob: string }) =>
    server.registerResource(name, uri, { mimeType, description: name }, async () => ({
      contents: [{ uri, mimeType, ...content }],
    }))
  const plain = { text: 'This is the content of the static text resource.' }
  resource('static-text', 'test://static-text', 'text/plain', plain)
  resource('static-binary', 'test://static-binary', 'image/png', { blob: png })
  server.registerResource(
    'template',
    new ResourceTemplate('test://template/{id}/data', { list: undefined }),
    { mimeType: 'application/json', description: 'A template' },
    async (uri, { id }) => {
      const data = JSON.stringify({ id, templateTest: true, data: `Data for ID: ${String(id)}` })
      return { contents: [{ uri: uri.href, mimeType: 'application/json', text: data }] }
    },
  )
  const user = (content: object) => ({ role: 'user' as const, content: content as { type: 'text'; text: string } })
  const prompt = (said: string) => user({ type: 'text', text: said })
  server.registerPrompt('test_simple_prompt', { description: 'Simple' }, async () => ({
    messages: [prompt('This is a simple prompt for testing.')],
  }))
  server.registerPrompt(
    'test_prompt_with_arguments',
    { description: 'With arguments', argsSchema: z.object({ arg1: city, arg2: z.string() }) },
    async ({ arg1, arg2 }) => ({ messages: [prompt(`Prompt with arguments: arg1='${arg1}', arg2='${arg2}'`)] }),
  )
  server.registerPrompt(
    'test_prompt_with_embedded_resource',
    { description: 'With a resource', argsSchema: z.object({ resourceUri: z.string() }) },
    async ({ resourceUri: uri }) => {
      const held = { uri, mimeType: 'text/plain', text: 'Embedded resource content for testing.' }
      return {
        messages: [user({ type: 'resource', resource: held }), prompt('Please process the embedded resource above.')],
      }
    },
  )
  server.registerPrompt('test_prompt_with_image', { description: 'With an image' }, async () => ({
    messages: [user(image), prompt('Please analyze the image above.')],
  }))
}
