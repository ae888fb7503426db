import { expect, test } from 'vitest'
import { mcpClientBlock, mcpClientFile, mcpClients, withMcpServer } from './mcp-clients.ts'

const server = { command: 'loopwright', args: ['mcp', 'serve'], env: {} }
const places = { home: '/home/ada', project: '/work', platform: 'linux', env: {} }

test('every client has a file of the user, and what stands in it', () => {
  const all = mcpClients.map((client) => `${mcpClientFile(client, 'user', places)}\n${mcpClientBlock(client, server)}`)
  expect(all.join('\n\n')).toMatchSnapshot()
})

test('a project has files of its own where the client reads one', () => {
  expect(mcpClientFile('claude-code', 'project', places)).toBe('/work/.mcp.json')
  expect(mcpClientFile('vscode', 'project', places)).toBe('/work/.vscode/mcp.json')
  expect(() => mcpClientFile('windsurf', 'project', places)).toThrow('windsurf has no configuration of a project')
})

test('variables and platforms that move a configuration are followed', () => {
  const env = { CODEX_HOME: '/c', XDG_CONFIG_HOME: '/x', COPILOT_HOME: '/p', CLAUDE_CONFIG_DIR: '/l' }
  const at = (client: (typeof mcpClients)[number], platform = 'linux') =>
    mcpClientFile(client, 'user', { ...places, platform, env })
  expect([at('codex'), at('opencode'), at('copilot'), at('claude-code')]).toEqual([
    ...['/c/config.toml', '/x/opencode/opencode.json', '/p/mcp-config.json', '/l/.claude.json'],
  ])
  expect(at('vscode', 'darwin')).toBe('/home/ada/Library/Application Support/Code/User/mcp.json')
})

test('what stands in a JSON file stays, with its indentation', () => {
  const before = '{\n\t"theme": "dark",\n\t"mcpServers": {\n\t\t"other": { "command": "x" }\n\t}\n}'
  const after = withMcpServer('cursor', before, server)
  expect(JSON.parse(after)).toEqual({
    theme: 'dark',
    mcpServers: { other: { command: 'x' }, loopwright: { command: 'loopwright', args: ['mcp', 'serve'] } },
  })
  expect(after).toContain('\n\t"theme"')
  expect(withMcpServer('cursor', after, server)).toBe(after)
  expect(withMcpServer('gemini', undefined, { ...server, env: { A: 'b' } })).toContain('"A": "b"')
})

test.each([
  ['{ // mine\n "mcpServers": {} }', 'comments would be lost'],
  ['[]', 'it holds no object'],
  ['{"mcpServers": []}', 'mcpServers is no object'],
])('a file that cannot be changed without loss is left alone: %j', (text, part) => {
  expect(() => withMcpServer('cursor', text, server)).toThrow(part)
})

test('a table of TOML is added, and replaced where it stands, with what belongs to it', () => {
  const before = `model = "x"\n\n[mcp_servers.other]\ncommand = "y"\n`
  const after = withMcpServer('codex', before, { ...server, env: { A: 'b "c"' } })
  expect(after).toBe(
    `${before}\n[mcp_servers.loopwright]\ncommand = "loopwright"\nargs = ["mcp","serve"]\nenv = { "A" = "b \\"c\\"" }\ntool_timeout_sec = 600\n`,
  )
  const old = `[mcp_servers.loopwright]\ncommand = "old"\n[mcp_servers.loopwright.env]\nA = "1"\n[tools]\nx = 1\n`
  expect(withMcpServer('codex', old, server)).toBe(`[tools]\nx = 1\n\n${mcpClientBlock('codex', server)}`)
})
