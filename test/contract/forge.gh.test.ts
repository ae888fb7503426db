import { afterAll } from 'vitest'
import { githubGh } from '../../src/forge/github-gh.ts'
import { commandRunner } from '../../src/process/command.ts'
import { installGh } from '../fixtures/fake-gh.ts'
import { scratch } from '../fixtures/repo.ts'
import { forgeContract } from './forge.ts'

const folder = scratch()
afterAll(() => folder[Symbol.dispose]())

forgeContract('by gh', ({ github, clock, signal }, { token = github.token } = {}) => {
  const { env } = installGh(folder.path, github, token)
  return githubGh({ repository: github.repository, run: commandRunner(env), cwd: folder.path, clock, signal })
})
