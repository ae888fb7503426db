import { isIPv4, isIPv6 } from 'node:net'
import { domainToASCII } from 'node:url'
import { LoopwrightError } from '../../core/errors.ts'

/** A host as the proxy is asked for it, in its one spelling. */
export interface Target {
  /** Lower-case ASCII name, or an address in its usual spelling (IPv6 without brackets). */
  readonly host: string
  readonly port: number
}

interface HostRule {
  readonly host: string
  /** Every name below `host`, but not `host` itself. */
  readonly below: boolean
  /** Absent: 443 and 80. */
  readonly port?: number
}

/** The hosts a confined process may reach. */
export interface Allowlist {
  allows(target: Target): boolean
  /** Whether this address is an entry itself, which alone opens one that is not public. */
  allowsAddress(address: string, port: number): boolean
  /** Ports of servers on this machine. */
  readonly localPorts: readonly number[]
}

/** What `registries` stands for: where the common package managers get packages. */
const registries: readonly string[] = [
  'registry.npmjs.org',
  'registry.yarnpkg.com',
  'pypi.org',
  'files.pythonhosted.org',
  'crates.io',
  'index.crates.io',
  'static.crates.io',
  'proxy.golang.org',
  'sum.golang.org',
  'rubygems.org',
  'index.rubygems.org',
  'repo.maven.apache.org',
  'repo1.maven.org',
]

const label = /^(?!-)[a-z0-9_-]{1,63}(?<!-)$/

/** The entries with `registries` spelled out. */
export function expandEntries(entries: readonly string[]): string[] {
  return entries.flatMap((entry) => (entry === 'registries' ? registries : [entry]))
}

/** Reads the entries of an allowlist. Rejects with `bad_input` for one that is no host. */
export function parseAllowlist(entries: readonly string[]): Allowlist {
  const rules = expandEntries(entries).map(parseEntry)
  const fits = (rule: HostRule, { host, port }: Target) =>
    (rule.port === undefined ? port === 443 || port === 80 : port === rule.port) &&
    (rule.below ? host.endsWith(`.${rule.host}`) && isName(host) : host === rule.host)
  return {
    allows: (target) => !isLocal(target.host) && rules.some((rule) => fits(rule, target)),
    allowsAddress: (address, port) =>
      !isLocal(address) && rules.some((rule) => !rule.below && fits(rule, { host: address, port })),
    localPorts: [...new Set(rules.flatMap((rule) => (isLocal(rule.host) && rule.port ? [rule.port] : [])))],
  }
}

function isLocal(host: string): boolean {
  return host === 'localhost' || host === '127.0.0.1' || host === '::1'
}

function parseEntry(entry: string): HostRule {
  const refuse = (why: string): never => {
    throw new LoopwrightError('bad_input', `not a host that can be allowed: ${JSON.stringify(entry)}: ${why}`, {
      hint: 'write api.example.com, *.example.com, either with :port, localhost:PORT, or registries',
    })
  }
  const below = entry.startsWith('*.')
  const [, bracketed, plain, portText] =
    /^(?:\[([^\]]*)\]|([^:[\]]*))(?::(\d+))?$/.exec(below ? entry.slice(2) : entry) ?? []
  const port = portText === undefined ? undefined : Number(portText)
  if (port !== undefined && (port < 1 || port > 65535)) refuse('its port is not between 1 and 65535')
  const typed = bracketed ?? plain
  if (typed === undefined || typed === '') return refuse('it is a name, with an optional port, and nothing else')
  // Names in other scripts are compared in the one form that goes over the wire; anything but letters is not ours to guess at.
  const ascii = /[^\x20-\x7e]/.test(typed) ? domainToASCII(typed) : typed
  const host = bracketed === undefined ? hostOf(ascii) : hostOf(`[${ascii}]`)
  if (host === undefined) return refuse('that is not the name or the address of a host')
  if (below && (!isName(host) || !host.includes('.'))) refuse('a `*` stands for subdomains of a name with a dot in it')
  if (isLocal(host) && port === undefined) refuse('a server on this machine needs its port')
  return { host, below, ...(port === undefined ? {} : { port }) }
}

function isName(host: string): boolean {
  return !isIPv4(host) && !isIPv6(host)
}

/**
 * The one spelling of a host; undefined for what is none, or is spelled in a way that two readers may read differently: NUL and other control
 * characters, `%`, user names, a dot at the end, letters beyond ASCII, addresses written as one number, in octal or with an IPv4 inside an IPv6.
 */
export function hostOf(text: string): string | undefined {
  if (text.startsWith('[') && text.endsWith(']')) {
    const inner = text.slice(1, -1)
    if (!isIPv6(inner) || inner.includes('%') || inner.includes('.')) return undefined
    try {
      return new URL(`http://[${inner}]/`).hostname.slice(1, -1)
    } catch {
      return undefined
    }
  }
  if (isIPv4(text)) return text
  const host = text.toLowerCase()
  const labels = host.split('.')
  if (host.length > 253 || !labels.every((each) => label.test(each))) return undefined
  // A last label of digits, or 0x…, is an address to some readers (2130706433, 127.1, 0x7f.1).
  if (/^(\d+|0x[0-9a-f]*)$/.test(labels.at(-1) ?? '')) return undefined
  return host
}

/** Reads `host:port` as CONNECT has it; undefined when it is anything else. */
export function parseTarget(text: string, defaultPort?: number): Target | undefined {
  const [, name = '', portText] = /^(\[[^\]]*\]|[^:[\]]*)(?::(\d{1,5}))?$/.exec(text) ?? []
  const host = hostOf(name)
  const port = portText === undefined ? defaultPort : Number(portText)
  if (host === undefined || port === undefined || port < 1 || port > 65535) return undefined
  return { host, port }
}
