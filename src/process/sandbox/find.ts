import { readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import type { SandboxMode } from '../../core/ports.ts'
import { supervise } from '../supervise.ts'
import { bwrapSandbox, namespaceArgs } from './bwrap.ts'
import { findCommand } from './find-command.ts'
import type { SandboxState } from './sandbox.ts'
import { sweepScratch } from './scratch.ts'
import { srtSandbox } from './srt.ts'

export interface FindOptions {
  /** `process.platform` by default. */
  readonly platform?: NodeJS.Platform
  /** Where a call's private files are made; the system's temporary directory by default. */
  readonly temporary?: string
  /** Told of a `host:port` that a confined process was refused. */
  readonly onRefused?: (target: string) => void
}

const installBwrap =
  'install bubblewrap: `sudo apt-get install bubblewrap` (Debian, Ubuntu), `sudo dnf install bubblewrap` (Fedora), `sudo pacman -S bubblewrap` (Arch)'
const installSrt = 'install the sandbox runtime: `npm install -g @anthropic-ai/sandbox-runtime`'

/**
 * Finds out, by really starting something in it, what sandbox works on this machine: bubblewrap on Linux, `srt` on macOS, or the one that is asked
 * for. Costs two or three starts of processes: ask once. Without one, `problem` says why and what to do.
 */
export async function findSandbox(
  mode: SandboxMode,
  env: Readonly<Record<string, string>>,
  options: FindOptions = {},
): Promise<SandboxState> {
  const platform = options.platform ?? process.platform
  if (mode === 'none') return { mode }
  if (platform === 'win32') return { mode, problem: 'there is no sandbox for Windows: use WSL, where bubblewrap works' }
  if (mode === 'bwrap' || (mode === 'auto' && platform === 'linux')) {
    if (platform !== 'linux') return { mode, problem: `bubblewrap works on Linux alone; here, ${installSrt}` }
    return { mode, ...(await findBwrap(env, options)) }
  }
  if (platform !== 'linux' && platform !== 'darwin') return { mode, problem: `there is no sandbox for ${platform}` }
  return { mode, ...(await findSrt(env, options)) }
}

type Found = Omit<SandboxState, 'mode'>

async function findBwrap(env: Readonly<Record<string, string>>, options: FindOptions): Promise<Found> {
  const bwrap = findCommand('bwrap', env.PATH)
  if (bwrap === undefined) return { problem: `bubblewrap (bwrap) is not installed: ${installBwrap}` }
  const told = await ask([bwrap, '--version'], env)
  if (told.exitCode !== 0) return { problem: `${bwrap} does not start: ${firstLine(told.stderr)}` }
  const version = /\d+(\.\d+)+/.exec(told.stdout)?.[0] ?? 'unknown'
  const isOld = /^0\.[0-3](\.|$)/.test(version)
  if (isOld) return { version, problem: `bubblewrap ${version} is too old, 0.4 or later is needed: ${installBwrap}` }
  let said = ''
  for (const canForbidNamespaces of [true, false]) {
    const args = namespaceArgs({ canForbidNamespaces }, true)
    const probe = await ask([bwrap, ...args, '--', '/bin/sh', '-c', 'echo "confined $$"'], env)
    if (probe.exitCode === 0 && probe.stdout.startsWith('confined ')) {
      const temporary = options.temporary ?? tmpdir()
      await sweepScratch(temporary)
      const canAskToEnd = (await ask(['env', '--default-signal=TERM', 'true'], env)).exitCode === 0
      return {
        version,
        sandbox: bwrapSandbox({
          bwrap,
          temporary,
          canForbidNamespaces,
          canAskToEnd,
          ...(env.HOME === undefined ? {} : { home: env.HOME }),
          ...(options.onRefused === undefined ? {} : { onRefused: options.onRefused }),
        }),
      }
    }
    said ||= firstLine(probe.stderr) || probe.spawnError || 'it ran nothing'
    if (!canForbidNamespaces) said = firstLine(probe.stderr) || said
  }
  return { version, problem: explainBwrap(said, readSetting) }
}

async function findSrt(env: Readonly<Record<string, string>>, options: FindOptions): Promise<Found> {
  const srt = findCommand('srt', env.PATH)
  if (srt === undefined) return { problem: `the sandbox runtime (srt) is not installed: ${installSrt}` }
  const told = await ask([srt, '--version'], env)
  if (told.exitCode !== 0) return { problem: `${srt} does not start: ${firstLine(told.stderr || told.stdout)}` }
  const version = /\d+(\.\d+)+/.exec(told.stdout)?.[0] ?? 'unknown'
  const temporary = options.temporary ?? tmpdir()
  const sandbox = srtSandbox({ srt, temporary, ...(env.HOME === undefined ? {} : { home: env.HOME }) })
  const confined = await sandbox.confine(
    { argv: ['/bin/sh', '-c', 'echo "confined $$"'], cwd: '/', env },
    { writable: [], readable: [], hidden: [], network: 'none', env: [] },
  )
  const probe = await ask(confined.argv, confined.env)
  await confined.release()
  if (probe.exitCode === 0 && probe.stdout.includes('confined ')) return { version, sandbox }
  return {
    version,
    problem: `srt ${version} does not work here: ${firstLine(probe.stderr || probe.stdout) || 'it ran nothing'}`,
  }
}

function ask(argv: readonly string[], env: Readonly<Record<string, string>>) {
  return supervise({ argv, cwd: '/', env, timeoutMs: 15_000, graceMs: 200 })
}

/** Says why bubblewrap cannot confine here, by what it said and by the kernel's settings. */
export function explainBwrap(said: string, setting: (path: string) => string | undefined): string {
  const start = `bubblewrap does not work here (${said.replace(/^bwrap: /, '')}): `
  if (setting('/proc/sys/kernel/apparmor_restrict_unprivileged_userns') === '1') {
    return `${start}AppArmor forbids user namespaces (kernel.apparmor_restrict_unprivileged_userns = 1, as on Ubuntu 24.04). Allow them to bwrap alone: \`sudo apt-get install apparmor-profiles && sudo ln -s /usr/share/apparmor/extra-profiles/bwrap-userns-restrict /etc/apparmor.d/ && sudo apparmor_parser /etc/apparmor.d/bwrap-userns-restrict\`, or to all: \`sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0\``
  }
  if (setting('/proc/sys/kernel/unprivileged_userns_clone') === '0') {
    return `${start}user namespaces are off. Turn them on: \`sudo sysctl -w kernel.unprivileged_userns_clone=1\``
  }
  if (setting('/proc/sys/user/max_user_namespaces') === '0') {
    return `${start}user namespaces are off. Turn them on: \`sudo sysctl -w user.max_user_namespaces=10000\``
  }
  return `${start}the kernel refuses namespaces. Inside a container, start that with --security-opt seccomp=unconfined --security-opt apparmor=unconfined --security-opt systempaths=unconfined`
}

function readSetting(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').trim()
  } catch {
    return undefined
  }
}

function firstLine(text: string): string {
  return text.trim().split('\n')[0]?.slice(0, 300) ?? ''
}
