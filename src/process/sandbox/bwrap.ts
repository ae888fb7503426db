import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { extname, isAbsolute, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { LoopwrightError } from '../../core/errors.ts'
import type { Confinement } from '../../core/ports.ts'
import { parseAllowlist } from './allowlist.ts'
import { allowedEnvironment, privateCaches } from './environment.ts'
import { realPath } from './paths.ts'
import { machineDirectories, machineFiles } from './protected.ts'
import { startProxy } from './proxy.ts'
import type { ConfinedLaunch, Launch, Sandbox } from './sandbox.ts'
import { removeTree } from './scratch.ts'
import { syscallFilter } from './syscalls.ts'
import { makeView, socketTable } from './view.ts'

export interface BwrapOptions {
  /** Where bubblewrap is; absolute. */
  readonly bwrap: string
  /** The home directory of whoever runs us, whatever HOME the process gets. */
  readonly home?: string
  /** Where a call's private files are made; absolute. */
  readonly temporary: string
  /** This bubblewrap can forbid further user namespaces. */
  readonly canForbidNamespaces: boolean
  /** `env --default-signal` is there, so that a confined process can be asked to end before it is ended. */
  readonly canAskToEnd: boolean
  /** Told of a `host:port` that was refused. */
  readonly onRefused?: (target: string) => void
}

const bridge = fileURLToPath(new URL(`./bridge${extname(fileURLToPath(import.meta.url))}`, import.meta.url))
const signals = 'HUP,INT,QUIT,TERM'
/** Where the proxy's sockets are, inside. */
const sockets = '/run/loopwright'

/** What every confined process is cut off from, whatever it may write and reach. */
export function namespaceArgs(options: Pick<BwrapOptions, 'canForbidNamespaces'>, ownNetwork: boolean): string[] {
  return [
    '--unshare-user',
    '--unshare-pid',
    '--unshare-ipc',
    '--unshare-uts',
    '--unshare-cgroup-try',
    ...(ownNetwork ? ['--unshare-net'] : []),
    ...(options.canForbidNamespaces ? ['--disable-userns'] : []),
    '--die-with-parent',
    '--new-session',
    '--cap-drop',
    'ALL',
    '--ro-bind',
    '/',
    '/',
    '--dev',
    '/dev',
    '--proc',
    '/proc',
    '--tmpfs',
    '/sys',
    ...['/sys/devices/system', '/sys/fs/cgroup'].filter(existsSync).flatMap((path) => ['--ro-bind', path, path]),
    '--remount-ro',
    '/sys',
  ]
}

/** Confines with bubblewrap, in namespaces of the process's own: files, processes, network, and no capability. */
export function bwrapSandbox(options: BwrapOptions): Sandbox {
  return {
    name: 'bwrap',
    async confine(launch, confinement) {
      const scratch = await mkdtemp(join(realPath(options.temporary), `loopwright-${process.pid}-`))
      try {
        return await confineIn(scratch, options, launch, confinement)
      } catch (error) {
        await rm(scratch, { recursive: true, force: true })
        throw error
      }
    },
  }
}

async function confineIn(
  scratch: string,
  options: BwrapOptions,
  launch: Launch,
  confinement: Confinement,
): Promise<ConfinedLaunch> {
  const { network } = confinement
  const allowlist = typeof network === 'string' ? undefined : parseAllowlist(network)
  const low = allowlist?.localPorts.find((port) => port < 1024)
  if (low !== undefined) {
    throw new LoopwrightError(
      'bad_input',
      `a sandbox cannot lead to localhost:${low}: ports below 1024 are not its to open`,
      {
        hint: 'let that server listen on a higher port as well',
      },
    )
  }
  const node = realPath(process.execPath)
  const cwd = realPath(launch.cwd)
  const home = launch.env.HOME
  const view = makeView({
    confinement,
    homes: [home, options.home].filter((each) => each !== undefined).filter(isAbsolute),
    scratch,
    needed: allowlist === undefined ? [] : [node, bridge],
    isRoot: process.getuid?.() === 0,
    sockets: socketTable(),
  })
  const proxy =
    allowlist === undefined
      ? undefined
      : await startProxy({
          directory: scratch,
          allowlist,
          ...(options.onRefused === undefined ? {} : { onRefused: options.onRefused }),
        }).catch((error) => {
          view.release()
          throw error
        })
  const leads = new Map<number, string>()
  for (const [port, path] of proxy?.local ?? []) leads.set(port, path)
  let port = 3128
  while (leads.has(port)) port++
  if (proxy !== undefined) leads.set(port, proxy.path)

  const empty = join(scratch, 'empty')
  const inner =
    proxy === undefined
      ? [...(options.canAskToEnd ? ['env', `--default-signal=${signals}`] : []), ...launch.argv]
      : [
          node,
          '--no-warnings',
          bridge,
          ...[...leads].map(([each, path]) => `${each}=${inside(path)}`),
          '--',
          ...launch.argv,
        ]
  const filter = syscallFilter(process.arch)
  const filterFile = join(scratch, 'filter')
  if (filter !== undefined) writeFileSync(filterFile, filter)
  const status = join(scratch, 'status')
  const covers = view.args.indexOf('--remount-ro')
  const coversAt = covers < 0 ? view.args.length : covers
  const argv = [
    options.bwrap,
    ...namespaceArgs(options, network !== 'open'),
    '--json-status-fd',
    '8',
    ...(filter === undefined ? [] : ['--seccomp', '9']),
    ...machineDirectories.filter(existsSync).flatMap((path) => ['--ro-bind', path, path]),
    ...machineFiles.filter(existsSync).flatMap((path) => ['--ro-bind', empty, path]),
    // What is mounted inside of something hidden comes before that is made read-only.
    ...view.args.slice(0, coversAt),
    ...[...leads.values()].flatMap((path) => ['--ro-bind', path, inside(path)]),
    ...view.args.slice(coversAt),
    '--chdir',
    cwd,
    '--',
    ...inner,
  ]
  // Ended first, bubblewrap would take all with it at once: it sits through what only asks, and goes when its process goes.
  const patient = options.canAskToEnd || proxy !== undefined
  const script = `${patient ? 'trap "" HUP INT QUIT TERM; ' : ''}s=$1 f=$2; shift 2; exec "$@" 8>"$s" 9<"$f"`
  return {
    argv: ['/bin/sh', '-c', script, 'loopwright', status, filter === undefined ? empty : filterFile, ...argv],
    cwd: '/',
    env: {
      ...privateCaches('/tmp'),
      ...allowedEnvironment(launch.env, confinement.env),
      TMPDIR: '/tmp',
      IS_SANDBOX: '1',
      ...(proxy === undefined ? {} : proxyVariables(port)),
    },
    // It tells an exit code only of what it has started.
    hasBegun: () => existsSync(status) && readFileSync(status, 'utf8').includes('exit-code'),
    async release() {
      await proxy?.close()
      view.release()
      await removeTree(scratch)
    },
  }
}

function inside(path: string): string {
  return `${sockets}/${path.slice(path.lastIndexOf('/') + 1)}`
}

function proxyVariables(port: number): Record<string, string> {
  const proxy = `http://127.0.0.1:${port}`
  const local = 'localhost,127.0.0.1,::1'
  return {
    HTTP_PROXY: proxy,
    HTTPS_PROXY: proxy,
    ALL_PROXY: proxy,
    NO_PROXY: local,
    http_proxy: proxy,
    https_proxy: proxy,
    all_proxy: proxy,
    no_proxy: local,
    NODE_USE_ENV_PROXY: '1',
  }
}
