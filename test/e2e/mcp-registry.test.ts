import { readFileSync } from 'node:fs'
import { Client } from '@modelcontextprotocol/client'
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { launcher, mcpScene } from '../fixtures/mcp.ts'

/** What the registry asks of an npm package's `server.json` in its schema of 2025-12-11. */
const argument = z.strictObject({ type: z.literal('positional'), value: z.string().min(1) })
const variable = z.strictObject({
  name: z.string().regex(/^[A-Z_]+$/),
  description: z.string(),
  format: z.enum(['string', 'number', 'boolean', 'filepath']),
  isRequired: z.boolean(),
})
const exact = z.string().regex(/^\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?$/)
const served = z.strictObject({
  $schema: z.literal('https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json'),
  name: z
    .string()
    .max(200)
    .regex(/^[a-zA-Z0-9.-]+\/[a-zA-Z0-9._-]+$/),
  title: z.string().min(1).max(100),
  description: z.string().min(1).max(100),
  version: exact,
  packages: z.tuple([
    z.strictObject({
      registryType: z.literal('npm'),
      registryBaseUrl: z.literal('https://registry.npmjs.org'),
      identifier: z.string(),
      version: exact,
      runtimeHint: z.literal('npx'),
      transport: z.strictObject({ type: z.literal('stdio') }),
      packageArguments: z.array(argument),
      environmentVariables: z.array(variable),
    }),
  ]),
})
const json = (path: string): unknown => JSON.parse(readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8'))

test('server.json is as the registry wants it, and says of the package what the package says', () => {
  const own = z.looseObject({ name: z.string(), version: z.string(), mcpName: z.string() }).parse(json('package.json'))
  const { name, version, packages } = served.parse(json('server.json'))
  // The registry takes a package for ours when it names the server.
  expect(name).toBe(own.mcpName)
  expect(packages[0]).toMatchObject({ identifier: own.name, version: own.version })
  expect(version).toBe(own.version)
})

test('what server.json tells clients to start is the server', async () => {
  await using scene = mcpScene()
  const { packages } = served.parse(json('server.json'))
  const args = [launcher, ...packages[0].packageArguments.map(({ value }) => value)]
  const client = new Client({ name: 'test', version: '1.0.0' })
  const { env, repository: cwd } = scene
  await client.connect(new StdioClientTransport({ command: process.execPath, args, env, cwd, stderr: 'ignore' }))
  expect(client.getServerVersion()).toMatchObject({ name: 'loopwright', version: packages[0].version })
  await client.close()
})
