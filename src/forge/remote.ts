import { LoopwrightError } from '../core/errors.ts'

/** A repository of a forge, as a remote names it. */
export interface RemoteRepository {
  /** In lower case, with its port where that is not the usual one: `github.com`. */
  readonly host: string
  readonly owner: string
  readonly name: string
}

const ownerShape = /^[A-Za-z0-9](?:[A-Za-z0-9_-]{0,99})$/
const nameShape = /^(?!\.{1,2}$)[A-Za-z0-9._-]{1,100}$/
const hostShape = /^(?!-)[a-z0-9.-]{1,253}(?::\d{1,5})?$/

/**
 * The repository a remote's URL names; undefined for what is none: a local path, another protocol, too many or odd parts. Understands
 * `https://`, `http://`, `ssh://`, `git://` and `git@host:owner/name`. A password in the URL is passed over.
 */
export function parseRemote(url: string): RemoteRepository | undefined {
  if (url.length > 2000 || !/^[!-~]+$/.test(url) || url.startsWith('-')) return undefined
  const found = url.includes('://') ? fromUrl(url) : fromScp(url)
  if (found === undefined) return undefined
  const parts = found.path.replace(/^\/+|\/+$/g, '').split('/')
  const [owner = '', last = ''] = parts
  const name = last.replace(/\.git$/, '')
  if (parts.length !== 2 || !ownerShape.test(owner) || !nameShape.test(name) || !hostShape.test(found.host))
    return undefined
  return { host: found.host, owner, name }
}

function fromUrl(url: string): { host: string; path: string } | undefined {
  if (!URL.canParse(url)) return undefined
  const { protocol, hostname, port, pathname, search, hash } = new URL(url)
  if (!['https:', 'http:', 'ssh:', 'git+ssh:', 'git:'].includes(protocol) || search !== '' || hash !== '')
    return undefined
  const host = hostname.toLowerCase()
  // The port of ssh says nothing about where the API is.
  const shown = protocol.startsWith('http') && port !== '' ? `${host}:${port}` : host
  return { host: shown === 'ssh.github.com' || shown === 'www.github.com' ? 'github.com' : shown, path: pathname }
}

function fromScp(url: string): { host: string; path: string } | undefined {
  const [, host = '', path = ''] = /^(?:[A-Za-z0-9._-]+@)?([A-Za-z0-9.-]{2,}):(?!:)(?!\/\/)(.+)$/.exec(url) ?? []
  return host === '' || path.startsWith('-') ? undefined : { host: host.toLowerCase(), path }
}

/** `owner/name` in its parts. Throws `bad_input` for anything else. */
export function parseRepository(text: string): { readonly owner: string; readonly name: string } {
  const [owner = '', name = '', ...more] = text.split('/')
  if (more.length > 0 || !ownerShape.test(owner) || !nameShape.test(name)) {
    throw new LoopwrightError('bad_input', `not a repository: ${JSON.stringify(text.slice(0, 200))}`, {
      hint: 'write owner/name',
    })
  }
  return { owner, name }
}
