import { expect, test } from 'vitest'
import { isWriteToken, withoutWriteTokens } from './write-tokens.ts'

test.each([
  'GITHUB_TOKEN',
  'GH_TOKEN',
  'GH_ENTERPRISE_TOKEN',
  'GITHUB_PAT',
  'GITLAB_TOKEN',
  'GITLAB_PRIVATE_TOKEN',
  'CI_JOB_TOKEN',
  'NPM_TOKEN',
  'NODE_AUTH_TOKEN',
  'npm_config__auth',
  'npm_config_//registry.npmjs.org/:_authToken',
  'CARGO_REGISTRY_TOKEN',
  'TWINE_PASSWORD',
  'DOCKER_PASSWORD',
  'AWS_ACCESS_KEY_ID',
  'AWS_SECRET_ACCESS_KEY',
  'AZURE_CLIENT_SECRET',
  'VERCEL_TOKEN',
  'SSH_AUTH_SOCK',
  'GIT_ASKPASS',
  'GIT_SSH_COMMAND',
  'GIT_CONFIG_VALUE_0',
  'ACTIONS_ID_TOKEN_REQUEST_TOKEN',
  'ACTIONS_RUNTIME_TOKEN',
  'GITHUB_ENV',
  'GITHUB_PATH',
  'SLACK_WEBHOOK_URL',
  'DEPLOY_KEY',
  'INPUT_GITHUB_TOKEN',
  'LOOPWRIGHT_GITHUB_TOKEN',
  'github_token',
  'KUBECONFIG',
])('%s may write somewhere', (name) => {
  expect(isWriteToken(name)).toBe(true)
})

test.each([
  'PATH',
  'HOME',
  'ANTHROPIC_API_KEY',
  'OPENAI_API_KEY',
  'GEMINI_API_KEY',
  'GOOGLE_API_KEY',
  'AZURE_OPENAI_API_KEY',
  'AWS_BEARER_TOKEN_BEDROCK',
  'COPILOT_GITHUB_TOKEN',
  'XAI_API_KEY',
  'GITHUB_REPOSITORY',
  'GITHUB_API_URL',
  'GITHUB_ACTIONS',
  'AWS_REGION',
  'CLAUDE_CODE_MAX_OUTPUT_TOKENS',
  'GIT_AUTHOR_NAME',
  'NPM_CONFIG_REGISTRY',
  'KEYBOARD',
  'LOOPWRIGHT_RUN',
])('%s may not', (name) => {
  expect(isWriteToken(name)).toBe(false)
})

test('an environment is left without them, but for what an agent needs to reach its model', () => {
  const env = { PATH: '/bin', GH_TOKEN: 'x', AWS_ACCESS_KEY_ID: 'y', ANTHROPIC_API_KEY: 'z' }
  expect(withoutWriteTokens(env)).toEqual({ PATH: '/bin', ANTHROPIC_API_KEY: 'z' })
  expect(withoutWriteTokens(env, ['AWS_ACCESS_KEY_ID'])).toEqual({
    PATH: '/bin',
    AWS_ACCESS_KEY_ID: 'y',
    ANTHROPIC_API_KEY: 'z',
  })
})
