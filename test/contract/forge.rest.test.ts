import { githubRest } from '../../src/forge/github-rest.ts'
import { forgeContract } from './forge.ts'

forgeContract('by the REST API', ({ github, clock, signal }, { token = github.token } = {}) =>
  githubRest({ repository: github.repository, apiUrl: github.url, token, clock, signal }),
)
