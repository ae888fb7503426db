import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { networkInterfaces } from 'node:os'
import { join } from 'node:path'
import type { Confinement } from '../../src/core/ports.ts'

/** A home, our state, repositories, servers and processes, all with secrets in them: what a confined process shall not reach. */
export interface World {
  readonly env: Readonly<Record<string, string>>
  readonly work: string
  readonly confinement: Confinement
  /** The port of a proxy that does what it is asked, for runs without a sandbox. */
  readonly carelessProxy: number
  /** The evidence so far changed nothing that stays. */
  isUnharmed(): boolean
  /** What has come out, been changed, called or left since the last look; undefined when nothing was. */
  evidence(output: string): string | undefined
  close(): void
}

export async function makeWorld(base: string, id: string): Promise<World> {
  const canary = `CANARY-${id}-`
  let count = 0
  const secret = () => `${canary}${count++}\n`
  const at = (path: string) => join(base, path)
  const put = (path: string, text: string) => {
    mkdirSync(join(at(path), '..'), { recursive: true })
    writeFileSync(at(path), text)
  }
  for (const path of [
    '.ssh/id_ed25519',
    '.aws/credentials',
    '.netrc',
    '.npmrc',
    '.git-credentials',
    '.config/gh/hosts.yml',
    '.gnupg/secring',
    '.bash_history',
    '.codex/auth.json',
    '.local/share/opencode/auth.json',
  ]) {
    put(`home/${path}`, secret())
  }
  for (const path of ['state/state.db', 'state/token', 'state/trust.json', 'config/config.yaml']) put(path, secret())
  for (const path of [
    '.bashrc',
    '.profile',
    '.config/some/tool.conf',
    '.local/bin/tool',
    '.agent/login',
    '.agent.json',
  ]) {
    put(`home/${path}`, 'fine\n')
  }
  put('out/outside.txt', 'outside\n')
  put('state/victim/secret', secret())
  const git = (cwd: string, ...args: string[]) =>
    execFileSync('git', ['-c', 'user.name=Ada', '-c', 'user.email=ada@example.org', ...args], {
      cwd,
      env: { PATH: process.env.PATH ?? '', HOME: at('home'), GIT_CONFIG_NOSYSTEM: '1' },
      stdio: 'pipe',
    })
  mkdirSync(at('project'), { recursive: true })
  git(at('project'), 'init', '-q', '-b', 'main')
  put('project/a.txt', 'one\n')
  put('project/secret.txt', secret())
  git(at('project'), 'add', '-A')
  git(at('project'), 'commit', '-q', '-m', 'start')
  put('project/.env', secret())
  put('seed/a.txt', 'one\n')
  git(at('seed'), 'init', '-q', '-b', 'main')
  git(at('seed'), 'add', '-A')
  git(at('seed'), 'commit', '-q', '-m', 'start')
  git(base, 'clone', '-q', '--bare', 'seed', 'repo.git')
  git(at('repo.git'), 'worktree', 'add', '-q', '-b', 'run', at('trees/work'))
  git(at('repo.git'), 'worktree', 'add', '-q', '-b', 'another', at('trees/other'))
  put('trees/work/.agent/settings.json', 'kept\n')
  const work = at('trees/work')

  const hits: string[] = []
  const servers: Server[] = []
  const answer = `HTTP/1.0 200 OK\r\n\r\n${secret()}`
  const serve = async (where: string, listen: (server: Server) => void): Promise<Server> => {
    const server = createServer((socket) => {
      hits.push(where)
      socket.on('error', () => undefined)
      socket.end(answer)
    })
    servers.push(server)
    listen(server)
    await once(server, 'listening')
    return server
  }
  const port = (server: Server) => (server.address() as AddressInfo).port
  const tcp = await serve('a server', (each) => each.listen(0, '0.0.0.0'))
  const tcp6 = await serve('an IPv6 server', (each) => each.listen(0, '::1')).catch(() => undefined)
  mkdirSync(at('home/.agent-sockets'))
  await serve('a socket in sight', (each) => each.listen(at('trees/other/docker.sock')))
  await serve('a socket of the home', (each) => each.listen(at('home/.agent-sockets/ssh')))
  await serve('a socket in /tmp', (each) => each.listen(`/tmp/${id}-X`))
  await serve('a socket without a file', (each) => each.listen(`\0${id}`))
  if (process.getuid?.() === 0) await serve('a socket in /run', (each) => each.listen(`/run/${id}-bus`))
  const udp = createSocket('udp4')
  udp.on('message', () => hits.push('a datagram'))
  udp.bind(0, '127.0.0.1')
  await once(udp, 'listening')
  const proxy = carelessProxy(port(tcp))
  servers.push(proxy)
  proxy.listen(0, '127.0.0.1')
  await once(proxy, 'listening')

  const startVictim = (): ChildProcess =>
    spawn('sleep', ['100000'], {
      cwd: at('state/victim'),
      env: { VICTIM: secret() },
      argv0: `sleep-${secret().trim()}`,
      stdio: [
        'ignore',
        'ignore',
        'ignore',
        'ignore',
        'ignore',
        'ignore',
        'ignore',
        openSync(at('state/victim/secret'), 'r'),
      ],
    })
  const victim = startVictim()
  await once(victim, 'spawn')
  const shm = sharedMemory()
  const key = keyFor(id, secret())
  const sleep = `${100_000 + Number.parseInt(id.slice(-5), 36)}`

  const env = {
    PATH: process.env.PATH ?? '',
    HOME: at('home'),
    TOKEN: secret(),
    SSH_AUTH_SOCK: `${at('home/.agent-sockets/')}${secret().trim()}`,
    P_ID: id,
    P_BASE: base,
    P_WORK: work,
    P_OTHER: at('trees/other'),
    P_STATE: at('state'),
    P_CONFIG: at('config'),
    P_PROJECT: at('project'),
    P_REPO: at('repo.git'),
    P_OUT: at('out'),
    P_ENGINE: String(process.pid),
    P_VICTIM: String(victim.pid),
    P_TCP: String(port(tcp)),
    P_TCP6: tcp6 === undefined ? '1' : String(port(tcp6)),
    P_UDP: String(udp.address().port),
    P_ADDRESS: ownAddress(),
    P_SHM: shm,
    P_SLEEP: sleep,
  }
  const strays = ['/etc', '/usr/local/bin', '/var/lib', '/tmp', '/var/tmp', '/dev/shm', '/run'].map(
    (each) => `${each}/${id}`,
  )
  const machine = () => `${readFileSync('/proc/sys/kernel/hostname', 'utf8')}`
  const look = () => new Map([...snapshot(base, work), ['the machine', machine()]])
  const before = look()
  let unharmed = true

  return {
    env,
    work,
    carelessProxy: port(proxy),
    confinement: {
      writable: [work, at('home/.agent'), at('home/.agent.json')],
      readable: [at('repo.git'), `${work}/.agent/settings.json`, `${work}/.other/absent.json`],
      hidden: [at('state'), at('config'), at('project')],
      network: ['allowed.example', '*.wild.example', 'localhost:40001'],
      env: ['P_*'],
    },
    isUnharmed: () => unharmed,
    evidence(output) {
      const found: string[] = []
      const called = hits.splice(0)
      const after = look()
      for (const path of new Set([...before.keys(), ...after.keys()])) {
        if (before.get(path) !== after.get(path)) found.push(`${path} changed`)
      }
      for (const path of strays) if (existsSync(path)) found.push(`${path} was made`)
      if (victim.exitCode !== null || victim.signalCode !== null) found.push('a process was ended')
      const left = sleepers(sleep)
      if (left.length > 0) found.push('a process was left')
      unharmed = found.length === 0
      if (output.includes(canary)) found.push('a secret came out')
      if (output.includes('ESCAPED')) found.push('it says so')
      if (called.length > 0) found.push(`${called.join(', ')} was called`)
      return found.length === 0 ? undefined : found.join('; ')
    },
    close() {
      victim.kill('SIGKILL')
      for (const pid of sleepers(sleep)) process.kill(pid, 'SIGKILL')
      for (const server of servers) server.close()
      udp.close()
      removeSharedMemory(shm)
      forgetKey(key)
      for (const path of [...strays, `/tmp/${id}-X`, `/run/${id}-bus`]) rmSync(path, { force: true, recursive: true })
      for (const path of ['home', 'out', 'trees']) if (existsSync(at(path))) chmodSync(at(path), 0o700)
      rmSync(base, { recursive: true, force: true })
    },
  }
}

/** Everything of a world by path, but what lies in the worktree, save for its `.git` and what is kept from the agent. */
function snapshot(base: string, work: string): Map<string, string> {
  const found = new Map<string, string>()
  const visit = (path: string) => {
    if (path === join(base, 'home/.agent')) return
    const seen = lstatSync(path, { throwIfNoEntry: false })
    if (seen === undefined) return
    const facts = [seen.mode, seen.uid]
    if (seen.isFile()) {
      const hash = createHash('sha256').update(readFileSync(path)).digest('hex')
      found.set(path, [...facts, seen.mtimeMs, seen.nlink, hash].join(' '))
    } else if (seen.isSymbolicLink()) found.set(path, readlinkSync(path))
    else found.set(path, facts.join(' '))
    if (!seen.isDirectory()) return
    if (path === work) {
      for (const name of ['.git', '.agent/settings.json', '.other/absent.json']) visit(join(path, name))
    } else for (const name of readdirSync(path)) visit(join(path, name))
  }
  visit(base)
  return found
}

/** A proxy as they are written in a hurry: it cuts at a NUL, believes the Host, and reads what stands behind an `@`. Names it cannot find lead to the witness. */
function carelessProxy(witness: number): Server {
  return createServer((socket) => {
    socket.on('error', () => undefined)
    socket.once('data', (data) => {
      const text = decodeURIComponent(data.toString('latin1'))
      const [, url = ''] = /^\w+ (.*) HTTP/.exec(text) ?? []
      const hosts = [...text.matchAll(/^Host: (\S+)/gim)].map((each) => each[1] ?? '')
      const requests = [...text.matchAll(/^\w+ \w+:\/\/([^/ ]*)/gm)].map((each) => each[1] ?? '')
      const connects = text.startsWith('CONNECT') ? [url] : []
      const wanted = [...connects, ...requests, ...hosts].map((each) => each.split('@').at(-1)?.split('\0')[0] ?? '')
      const [, v6, v4, port] =
        wanted
          .map((each) => /^(?:\[(.*)\]|((?!169)[\d.x]+|localhost))(?::(\d+))?$/.exec(each))
          .find((each) => each?.[3]) ?? []
      const out = connect(
        v6 || v4 ? { host: v6 ?? v4 ?? '', port: Number(port) } : { port: witness, host: '127.0.0.1' },
      )
      const lead = (to: Socket) => {
        to.pipe(socket)
        to.write('GET / HTTP/1.0\r\n\r\n')
        return to
      }
      lead(out).on('error', () => {
        lead(connect({ port: witness, host: '127.0.0.1' })).on('error', () => undefined)
      })
    })
  })
}

function ownAddress(): string {
  const found = Object.values(networkInterfaces())
    .flatMap((each) => each ?? [])
    .find((each) => each.family === 'IPv4' && !each.internal)
  return found?.address ?? '127.0.0.1'
}

/** The processes that sleep for that long, and for no other reason than a probe. */
function sleepers(seconds: string): number[] {
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => pid > 0 && read(`/proc/${pid}/cmdline`) === `sleep\0${seconds}\0`)
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

function sharedMemory(): string {
  try {
    return /\d+/.exec(execFileSync('ipcmk', ['-M', '100'], { encoding: 'utf8', stdio: 'pipe' }))?.[0] ?? 'none'
  } catch {
    return 'none'
  }
}

function removeSharedMemory(id: string): void {
  if (id !== 'none') execFileSync('ipcrm', ['-m', id], { stdio: 'ignore' })
}

/** Puts a key into the user's keyring. */
function keyFor(name: string, text: string): number {
  const code = 'my ($n, $p) = @ARGV; my $t = "user"; print syscall(248, $t, $n, $p, length $p, -4)'
  try {
    return Number(execFileSync('perl', ['-e', code, name, text], { encoding: 'utf8', stdio: 'pipe' }))
  } catch {
    return -1
  }
}

function forgetKey(key: number): void {
  if (key > 0) execFileSync('perl', ['-e', 'syscall(250, 9, $ARGV[0]+0, -4)', String(key)], { stdio: 'ignore' })
}
