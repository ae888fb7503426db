import type { Agent, RunCommand } from '../../core/ports.ts'

/** Variables that let whoever has them write somewhere else. */
const writeTokens = [
  'GITHUB_TOKEN',
  'GH_TOKEN',
  'GH_ENTERPRISE_TOKEN',
  'GITHUB_ENTERPRISE_TOKEN',
  'GITLAB_TOKEN',
  'GL_TOKEN',
  'BITBUCKET_TOKEN',
  'NPM_TOKEN',
  'NODE_AUTH_TOKEN',
  'SSH_AUTH_SOCK',
  'GIT_ASKPASS',
  'SSH_ASKPASS',
]
const blank = Object.fromEntries(writeTokens.map((name) => [name, '']))

/** The agent without them. */
export function tokenless(agent: Agent): Agent {
  return {
    name: agent.name,
    ...(agent.spawns === undefined ? {} : { spawns: agent.spawns }),
    run: (request, call) => agent.run({ ...request, env: { ...request.env, ...blank } }, call),
  }
}

/** Commands without them. */
export function withoutTokens(run: RunCommand): RunCommand {
  return (command, options) => run(command, { ...options, env: { ...options.env, ...blank } })
}
