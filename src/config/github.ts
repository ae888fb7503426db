import type { Env } from './environment.ts'

/** What the environment says of GitHub, and of the way there. */
export interface GithubEnvironment {
  readonly token?: string
  readonly apiUrl?: string
  /** `owner/name`, where somebody says so. */
  readonly repository?: string
  /** Hosts besides github.com that the user says are GitHub. */
  readonly hosts: readonly string[]
  /** How git starts ssh. */
  readonly ssh?: string
}

/** Reads GH_TOKEN, GITHUB_TOKEN, GITHUB_API_URL, GITHUB_REPOSITORY, GH_HOST, GITHUB_SERVER_URL, GIT_SSH_COMMAND. */
export function githubEnvironment(env: Env): GithubEnvironment {
  const get = (name: string) => {
    const text = env[name]?.trim() ?? ''
    return text === '' ? undefined : text
  }
  const [token, apiUrl, repository, ssh] = [
    get('GH_TOKEN') ?? get('GITHUB_TOKEN'),
    get('GITHUB_API_URL'),
    get('GITHUB_REPOSITORY'),
    get('GIT_SSH_COMMAND'),
  ]
  return {
    ...(token === undefined ? {} : { token }),
    ...(apiUrl === undefined ? {} : { apiUrl }),
    ...(repository === undefined ? {} : { repository }),
    ...(ssh === undefined ? {} : { ssh }),
    hosts: [get('GH_HOST'), get('GITHUB_SERVER_URL')].filter((host) => host !== undefined),
  }
}
