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
  expect(mcpClientFile('copilot', 'project', places)).toBe('/work/.github/mcp.json')
  expect(mcpClientFile('antigravity', 'project', places)).toBe('/work/.agents/mcp_config.json')
  expect(() => mcpClientFile('windsurf', 'project', places)).toThrow('windsurf has no configuration of a project')
})

test('variables and platforms that move a configuration are followed', () => {
  const env = { CODEX_HOME: '/c', XDG_CONFIG_HOME: '/x', COPILOT_HOME: '/p', CLAUDE_CONFIG_DIR: '/l' }
  const at = (client: (typeof mcpClients)[number], platform = 'linux') =>
    mcpClientFile(client, 'user', { ...places, platform, env })
  expect([at('codex'), at('opencode'), at('copilot'), at('claude-code')]).toEqual([
    ...['/c/config.toml', '/x/opencode/opencode.json', '/p/mcp-config.json', '/l/.claude.json'],
  ])
  const cline = (more: object) => mcpClientFile('cline', 'user', { ...places, env: { ...env, ...more } })
  expect(cline({})).toBe('/home/ada/.cline/data/settings/cline_mcp_settings.json')
  expect(cline({ CLINE_DIR: '/d' })).toBe('/d/data/settings/cline_mcp_settings.json')
  expect(cline({ CLINE_DIR: '/d', CLINE_DATA_DIR: '/e' })).toBe('/e/settings/cline_mcp_settings.json')
  expect(cline({ CLINE_DATA_DIR: '/e', CLINE_MCP_SETTINGS_PATH: '/f.json' })).toBe('/f.json')
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
  ['{"mcpServers": {}, }', 'no plain JSON'],
  ['{"mcpServers": {"loopwright": []}}', 'loopwright is no object'],
  ['{"mcpServers": {"loopwright": {"url": "http://127.0.0.1:4180/mcp"}}}', 'loopwright has url'],
  ['{"mcpServers": {"loopwright": {"transport": {"type": "stdio"}}}}', 'loopwright has transport'],
])('a file that cannot be changed without loss is left alone: %j', (text, part) => {
  expect(() => withMcpServer('cursor', text, server)).toThrow(part)
})

test('a table of TOML is added at the end', () => {
  const before = `model = "x"\n\n[mcp_servers.other]\ncommand = "y"\n`
  const after = withMcpServer('codex', before, { ...server, env: { A: 'b "c"' } })
  expect(after).toBe(
    `${before}\n[mcp_servers.loopwright]\ncommand = "loopwright"\nargs = ["mcp","serve"]\nenv = { "A" = "b \\"c\\"" }\ntool_timeout_sec = 600\n`,
  )
  expect(withMcpServer('codex', after, { ...server, env: { A: 'b "c"' } })).toBe(after)
  expect(withMcpServer('codex', undefined, server)).toBe(mcpClientBlock('codex', server))
})

test('what somebody added to our server stays, with his own time limit; command and variables become ours', () => {
  const own = {
    command: 'old',
    args: ['x'],
    env: { MINE: '1', LOOPWRIGHT_HOME: '/old' },
    timeout: 5,
    autoApprove: ['doctor'],
  }
  const before = JSON.stringify({ mcpServers: { loopwright: own, other: { url: 'x' } } })
  const fresh = { ...server, env: { LOOPWRIGHT_HOME: '/new' } }
  expect(JSON.parse(withMcpServer('gemini', before, fresh))).toEqual({
    mcpServers: {
      loopwright: { ...own, ...server, env: { MINE: '1', LOOPWRIGHT_HOME: '/new' } },
      other: { url: 'x' },
    },
  })
  const disabled = JSON.stringify({ mcp: { loopwright: { type: 'local', command: ['old'], enabled: false } } })
  expect(JSON.parse(withMcpServer('opencode', disabled, fresh)).mcp.loopwright).toEqual({
    type: 'local',
    command: ['loopwright', 'mcp', 'serve'],
    enabled: false,
    environment: { LOOPWRIGHT_HOME: '/new' },
    timeout: 600_000,
  })
  const toml = `[mcp_servers.loopwright]
command = "old" # mine
args = ["x"]
env = { MINE = "1", "LOOPWRIGHT_HOME" = "/old" }
# I want this
default_tools_approval_mode = "approve"
tool_timeout_sec = 5
`
  expect(withMcpServer('codex', toml, fresh)).toBe(`[mcp_servers.loopwright]
command = "loopwright"
args = ["mcp","serve"]
env = { "MINE" = "1", "LOOPWRIGHT_HOME" = "/new" }
# I want this
default_tools_approval_mode = "approve"
tool_timeout_sec = 5
`)
})

test('a table of TOML is changed where it stands, its own tables too', () => {
  const old = `[mcp_servers.loopwright]\ncommand = "old"\n\n[mcp_servers.loopwright.env]\nA = "1"\n\n[tools]\nx = 1\n`
  expect(withMcpServer('codex', old, { ...server, env: { B: '2' } })).toBe(`[mcp_servers.loopwright]
command = "loopwright"
args = ["mcp","serve"]
tool_timeout_sec = 600

[mcp_servers.loopwright.env]
A = "1"
B = "2"

[tools]
x = 1
`)
})
