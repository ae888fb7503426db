import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Client } from '@modelcontextprotocol/client'
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio'
import { expect, test } from 'vitest'
import { mcpClientFile, mcpClients } from '../../src/formats/mcp-clients.ts'
import { launcher, mcpScene } from '../fixtures/mcp.ts'
import { write } from '../fixtures/repo.ts'

function installing(scene: ReturnType<typeof mcpScene>) {
  return (...args: string[]) =>
    new Promise<{ code: number; out: string; err: string }>((resolve) => {
      const { repository: cwd, env } = scene
      execFile(process.execPath, [launcher, 'mcp', 'install', ...args], { cwd, env }, (error, out, err) => {
        resolve({ code: error ? Number(error.code) : 0, out, err })
      })
    })
}

test('the change is shown, written only when somebody says yes, and a client that reads it reaches the server', async () => {
  await using scene = mcpScene()
  const install = installing(scene)
  const path = join(scene.folder, '.claude.json')
  const shown = await install('--client', 'claude-code')
  expect(shown).toMatchObject({ code: 2, err: expect.stringContaining('add --yes') })
  expect(shown.out).toContain(`${path}\n\n{`)
  expect(existsSync(path)).toBe(false)

  write(scene.folder, { '.claude.json': '{\n  "theme": "dark"\n}\n' })
  expect(await install('--client', 'claude-code', '--yes')).toMatchObject({ code: 0 })
  const written = JSON.parse(readFileSync(path, 'utf8')) as {
    readonly theme: string
    readonly mcpServers: Readonly<Record<string, { command: string; args: string[]; env: Record<string, string> }>>
  }
  expect(written).toMatchObject({ theme: 'dark', mcpServers: { loopwright: { type: 'stdio', timeout: 600_000 } } })
  expect(await install('--client', 'claude-code')).toMatchObject({ code: 0, err: 'it stands there already\n' })

  const server = written.mcpServers.loopwright
  if (!server) throw new Error('nothing was written')
  const client = new Client({ name: 'test', version: '1.0.0' })
  // As a client started from a menu: no PATH of a shell.
  const transport = new StdioClientTransport({ ...server, env: { ...server.env, HOME: scene.folder, PATH: '' } })
  await client.connect(transport)
  expect((await client.listTools()).tools.map(({ name }) => name)).toContain('orchestrate')
  await client.close()
})

test('a project gets a file that works for others too, and no link of it is written through', async () => {
  await using scene = mcpScene()
  const install = installing(scene)
  const project = ['--scope', 'project', '--yes']
  expect(await install('--client', 'vscode', ...project)).toMatchObject({ code: 0 })
  expect(JSON.parse(readFileSync(join(scene.repository, '.vscode/mcp.json'), 'utf8'))).toEqual({
    servers: { loopwright: { type: 'stdio', command: 'loopwright', args: ['mcp', 'serve'] } },
  })
  const outside = join(scene.folder, 'outside')
  mkdirSync(outside)
  symlinkSync(outside, join(scene.repository, '.cursor'))
  expect(await install('--client', 'cursor', ...project)).toMatchObject({
    code: 2,
    err: expect.stringContaining('leads out of the project'),
  })
  expect(existsSync(join(outside, 'mcp.json'))).toBe(false)
  write(scene.folder, { 'outside.json': '{}' })
  symlinkSync(join(scene.folder, 'outside.json'), join(scene.repository, '.mcp.json'))
  expect((await install('--client', 'claude-code', ...project)).code).toBe(2)
  expect(readFileSync(join(scene.folder, 'outside.json'), 'utf8')).toBe('{}')
  expect(await install('--client', 'windsurf', ...project)).toMatchObject({
    code: 2,
    err: expect.stringContaining('no configuration of a project'),
  })
})

test('a file of the user that is a link stays one, with its mode', async () => {
  await using scene = mcpScene()
  write(scene.folder, { 'dotfiles/config.toml': 'model = "x"\n', '.codex/other': '' })
  symlinkSync(join(scene.folder, 'dotfiles/config.toml'), join(scene.folder, '.codex/config.toml'))
  const { mode } = statSync(join(scene.folder, 'dotfiles/config.toml'))
  expect(await installing(scene)('--client', 'codex', '--yes')).toMatchObject({ code: 0 })
  const text = readFileSync(join(scene.folder, 'dotfiles/config.toml'), 'utf8')
  expect(text).toMatch(/^model = "x"\n\n\[mcp_servers.loopwright\]\ncommand = /)
  expect(statSync(join(scene.folder, 'dotfiles/config.toml')).mode).toBe(mode)
})

test('every client gets a file once, and one that is not understood stays as it is', async () => {
  await using scene = mcpScene()
  const install = installing(scene)
  const places = { home: scene.folder, project: scene.repository, platform: process.platform, env: {} }
  const told = await Promise.all(
    mcpClients.map(async (client) => {
      const path = mcpClientFile(client, 'user', places)
      const first = await install('--client', client, '--yes')
      const written = readFileSync(path, 'utf8')
      const again = await install('--client', client)
      const strange = `${written.replace(/^\{/, '{ // mine').replace(/^\[mcp_servers.*/, 'mcp_servers = {} # mine')}`
      writeFileSync(path, strange)
      const refused = await install('--client', client, '--yes')
      return [client, first.code, again.err, refused.code, refused.err, readFileSync(path, 'utf8') === strange]
    }),
  )
  expect(told).toEqual(
    mcpClients.map((client) => [
      ...[client, 0, 'it stands there already\n', 2],
      expect.stringContaining(`the configuration of ${client} cannot be changed`),
      true,
    ]),
  )
})
