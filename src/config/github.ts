import type { Env } from './environment.ts'

/** What the environment says of GitHub. */
export interface GithubEnvironment {
  readonly token?: string
  readonly apiUrl?: string
  /** `owner/name`, where somebody says so. */
  readonly repository?: string
  /** Hosts besides github.com that the user says are GitHub. */
  readonly hosts: readonly string[]
}

/** Reads GH_TOKEN, GITHUB_TOKEN, GITHUB_API_URL, GITHUB_REPOSITORY, GH_HOST, GITHUB_SERVER_URL. */
export function githubEnvironment(env: Env): GithubEnvironment {
  const get = (name: string) => {
    const text = env[name]?.trim() ?? ''
    return text === '' ? undefined : text
  }
  const [token, apiUrl, repository] = [
    get('GH_TOKEN') ?? get('GITHUB_TOKEN'),
    get('GITHUB_API_URL'),
    get('GITHUB_REPOSITORY'),
  ]
  return {
    ...(token === undefined ? {} : { token }),
    ...(apiUrl === undefined ? {} : { apiUrl }),
    ...(repository === undefined ? {} : { repository }),
    hosts: [get('GH_HOST'), get('GITHUB_SERVER_URL')].filter((host) => host !== undefined),
  }
}
