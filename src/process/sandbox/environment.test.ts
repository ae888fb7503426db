import { expect, test } from 'vitest'
import { allowedEnvironment } from './environment.ts'

test('the basics, the facts of the run and what is named come through, and no secret', () => {
  const env = {
    PATH: '/bin',
    LC_ALL: 'C',
    LOOPWRIGHT_RUN: 'r1',
    LOOPWRIGHT_API_TOKEN: 'x',
    ANTHROPIC_API_KEY: 'x',
    GITHUB_TOKEN: 'x',
    AWS_SECRET_ACCESS_KEY: 'x',
    SSH_AUTH_SOCK: 'x',
    LD_PRELOAD: 'x',
    NODE_OPTIONS: 'x',
  }
  expect(Object.keys(allowedEnvironment(env, []))).toEqual(['PATH', 'LC_ALL', 'LOOPWRIGHT_RUN'])
  expect(Object.keys(allowedEnvironment(env, ['ANTHROPIC_*', 'GITHUB_TOKEN']))).toEqual([
    'PATH',
    'LC_ALL',
    'LOOPWRIGHT_RUN',
    'ANTHROPIC_API_KEY',
    'GITHUB_TOKEN',
  ])
})
