import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { scratch, write } from '../../test/fixtures/repo.ts'
import { explainConfig, loadConfig } from '../config.ts'
import type { Env } from './environment.ts'

const mine = 'me/.config/loopwright/config.yaml'
const theirs = 'project/.loopwright/config.yaml'

async function configOf(files: Readonly<Record<string, string>>, env: Env = {}) {
  using temporary = scratch()
  mkdirSync(join(temporary.path, 'project'))
  write(temporary.path, files)
  return await loadConfig({ cwd: join(temporary.path, 'project'), env: { HOME: join(temporary.path, 'me'), ...env } })
}

/** What is wrong with a user's one connector, with its hint. */
async function problemOf(text: string): Promise<string> {
  return await configOf({ [mine]: `connectors:\n  - ${text}\n` }).then(
    () => 'nothing',
    (error: { readonly message: string; readonly hint?: string }) => `${error.message}\n${error.hint ?? ''}`,
  )
}

test('the user says what servers findings come from, and none of their secrets is shown', async () => {
  const config = await configOf(
    {
      [mine]: `connectors:
  - name: linear
    command: npx
    args: [-y, linear-server, --key=one-secret]
    env: { TEAM: core, SOME_TOKEN: two-secret }
    envFrom: [LINEAR_API_KEY, HTTPS_PROXY]
    tool: list_issues
    arguments: { state: open, limit: 50 }
    patterns: [issue-triage]
  - { name: tracker, url: 'https://mcp.example/mcp?key=three-secret', tokenEnv: TRACKER, resource: 'todo://all', as: todo }
  - { name: absent, url: 'http://127.0.0.1:1/mcp', tokenEnv: NOT_SET, tool: list }
`,
    },
    { LINEAR_API_KEY: 'four-secret', TRACKER: 'five-secret', HTTPS_PROXY: 'http://proxy:1', OTHER: 'x' },
  )
  expect(config.connectors).toEqual([
    {
      name: 'linear',
      as: 'issues',
      patterns: ['issue-triage'],
      server: {
        argv: ['npx', '-y', 'linear-server', '--key=one-secret'],
        env: { LINEAR_API_KEY: 'four-secret', HTTPS_PROXY: 'http://proxy:1', TEAM: 'core', SOME_TOKEN: 'two-secret' },
      },
      read: { tool: 'list_issues', arguments: { state: 'open', limit: 50 } },
    },
    {
      name: 'tracker',
      as: 'todo',
      server: {
        url: 'https://mcp.example/mcp?key=three-secret',
        headers: { Authorization: 'Bearer five-secret' },
      },
      read: { resource: 'todo://all' },
    },
    {
      name: 'absent',
      as: 'issues',
      server: { url: 'http://127.0.0.1:1/mcp', headers: {} },
      read: { tool: 'list', arguments: {} },
      problem: 'NOT_SET is not set',
    },
  ])
  const shown = explainConfig(config).filter(({ key }) => key === 'connectors')
  expect(shown.map(({ value }) => value)).toEqual([
    'linear: issues by npx, for issue-triage',
    'tracker: todo at mcp.example',
    'absent: NOT_SET is not set',
  ])
  expect(JSON.stringify(explainConfig(config))).not.toContain('secret')
  for (const number of ['two', 'three', 'four', 'five']) {
    expect(config.secrets.some((one) => one.includes(`${number}-secret`))).toBe(true)
  }
  expect([...config.connectorVariables].sort()).toEqual(['LINEAR_API_KEY', 'NOT_SET', 'TRACKER'])
})

test('a project cannot choose connectors', async () => {
  await expect(
    configOf({ [theirs]: 'connectors: [{ name: a, command: ./evil, tool: list }]\n' }),
  ).rejects.toMatchObject({
    code: 'bad_input',
    message: expect.stringContaining('a project cannot choose connectors'),
    hint: 'set connectors in your own config.yaml',
  })
})

test.each([
  ['{ name: a, tool: list }', 'connectors[0]: no server is given', 'give command'],
  ["{ name: a, command: x, url: 'https://a.example', tool: list }", 'two servers are given', 'give command'],
  ['{ name: a, command: x }', 'nothing is asked of the server', 'give tool'],
  ["{ name: a, command: x, tool: l, resource: 'r://' }", 'two things are asked', 'give tool'],
  ['{ name: a, command: npx -y server, tool: l }', 'connectors[0].command: a program and its arguments', 'args: ['],
  ["{ name: a, url: 'https://a.example', args: [b], tool: l }", 'connectors[0].args: it is for a connector', 'command'],
  ["{ name: a, url: 'https://a.example', env: { A: b }, tool: l }", 'connectors[0].env: it is for', 'command'],
  ['{ name: a, command: x, tokenEnv: A, tool: l }', 'connectors[0].tokenEnv: it is for', 'url'],
  ["{ name: a, command: x, arguments: {}, resource: 'r://' }", 'connectors[0].arguments: it is for', 'tool'],
  ["{ name: 'a b', command: x, tool: l }", 'the name of a connector is letters', ''],
  ['{ command: x, tool: l }', 'connectors[0].name is missing', 'name'],
  ['{ name: a, command: x, tool: l, as: git }', 'connectors[0].as: "git" is not allowed', 'issues'],
  ['{ name: a, command: x, tool: l, patterns: [] }', 'connectors[0].patterns', ''],
  ['{ name: a, command: x, tol: l }', 'unknown key "tol"', 'tool'],
  ["{ name: a, url: 'http://issues.example/mcp', tool: l }", 'connectors[0].url: http is for this machine', 'https'],
  ["{ name: a, url: 'https://ada:pw-secret@a.example', tool: l }", 'an address with a user name', ''],
  ['{ name: a, command: x, tool: l }\n  - { name: A, command: y, tool: l }', 'another connector is called A', 'own'],
])('what is wrong with a connector is said: %s', async (text, message, hint) => {
  const said = await problemOf(text)
  expect(said).toContain(message)
  expect(said).toContain(hint)
  expect(said).not.toContain('secret')
})

test('a token in the place of a variable’s name is not repeated', async () => {
  for (const text of [
    "{ name: a, url: 'https://a.example', tokenEnv: lin_api_secret, tool: l }",
    '{ name: a, command: x, envFrom: [sk-secret], tool: l }',
    '{ name: a, command: x, env: { A: [sk-secret] }, tool: l }',
  ]) {
    const said = await problemOf(text)
    expect(said).toContain('connectors[0]')
    expect(said).not.toContain('secret')
  }
})
