import { randomUUID } from 'node:crypto'
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmdirSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { LoopwrightError } from '../../core/errors.ts'
import type { Confinement } from '../../core/ports.ts'
import { type LentFile, lendFile } from './lent-file.ts'
import { cleanPath, isBelow, isWithin, kindAt, realPath } from './paths.ts'
import { homeSecrets, rootSecrets } from './protected.ts'

/** What is to be seen of the file system, from where, and by whom. */
export interface ViewInput {
  readonly confinement: Confinement
  /** The home directories to keep secrets of; the first is the process's own. */
  readonly homes: readonly string[]
  /** A fresh directory that nobody else may enter. */
  readonly scratch: string
  /** Files of the system that must be seen whatever is hidden. */
  readonly needed: readonly string[]
  readonly isRoot: boolean
  /** The text of /proc/net/unix. */
  readonly sockets: string
}

/** The arguments for bubblewrap that make it so. */
export interface View {
  readonly args: readonly string[]
  /** Brings home what was written to single files of the home, and takes away what was made to cover what did not exist. */
  release(): void
}

/**
 * `own`: a private directory in the place of a shared one. `pin`: an ordinary directory that is made a mount, so that it cannot be renamed with
 * what is protected in it.
 */
type Kind = 'write' | 'pin' | 'own' | 'read' | 'hide'

interface Entry {
  readonly path: string
  readonly kind: Kind
  readonly source: string
}

const strictness: readonly Kind[] = ['write', 'pin', 'own', 'read', 'hide']
const machine = ['/proc', '/sys', '/dev']
/** What stands in the place of something that is not there, by how many calls at once. */
const covers = new Map<string, number>()
const fileEnding = /\.(json|jsonc|toml|ya?ml|lock|conf|ini|db|sqlite|txt|md|key|pem|env)$/

/**
 * Works out what a confined process sees: everything read-only, but private /tmp and home, no /run, no secrets, and what the confinement says. Paths
 * are followed through links now; of one below a writable one, which a confined process may have made, no link may lead out of it.
 * Throws `bad_input` for what cannot be kept.
 */
export function makeView(input: ViewInput): View {
  const view = new ViewMaker(input)
  return view.make()
}

class ViewMaker {
  readonly #input: ViewInput
  readonly #entries = new Map<string, Entry>()
  readonly #lent: LentFile[] = []
  /** Links in what is written, by path, and where they lead. */
  readonly #links = new Map<string, string>()
  /** Files of which the process has a copy. */
  readonly #copied = new Set<string>()
  readonly #made: string[] = []
  readonly #empty: string
  #owned = 0

  constructor(input: ViewInput) {
    this.#input = input
    this.#empty = join(input.scratch, 'empty')
  }

  make(): View {
    writeFileSync(this.#empty, '', { mode: 0o444 })
    this.#system()
    const homes = [
      ...new Set(this.#input.homes.filter((home) => home !== '/' && kindAt(home) !== undefined).map(realPath)),
    ]
    try {
      this.#asked(homes)
      this.#secrets(homes)
      for (const home of homes) this.#ownHome(home)
      this.#repositories()
      this.#pins()
      this.#sockets()
      return { args: this.#args(), release: () => this.#release() }
    } catch (error) {
      this.#takeAway()
      throw error
    }
  }

  #system(): void {
    for (const path of ['/tmp', '/var/tmp']) {
      if (kindAt(path) !== undefined) this.#set(realPath(path), 'own', this.#directory(0o1777))
    }
    this.#set('/run', 'hide')
    const { needed, isRoot } = this.#input
    // Names are looked up through a file that often lives in /run; some systems have their programs there.
    for (const path of [...needed, '/etc/resolv.conf', '/run/current-system', '/run/opengl-driver']) {
      if (exists(path)) this.#set(realPath(path), 'read')
    }
    for (const path of ['/root', '/home', ...(isRoot ? rootSecrets : [])]) {
      if (!exists(path)) continue
      const real = realPath(path)
      // A directory that is not ours to enter hides itself.
      if (canEnter(real)) this.#set(real, 'hide')
    }
  }

  #asked(homes: readonly string[]): void {
    const { writable, fleeting = [], readable, hidden } = this.#input.confinement
    const roots = writable.map(cleanPath)
    for (const path of writable) {
      const real = this.#resolve(path, roots)
      if (
        real === '/' ||
        machine.some((each) => isWithin(real, each)) ||
        ['/tmp', '/run', '/usr', '/etc', '/var', '/home'].includes(real)
      ) {
        throw new LoopwrightError('bad_input', `a sandbox cannot make ${path} writable: it is the system's`, {
          hint: 'name the directory that shall be written',
        })
      }
      this.#makeWritable(path, real, homes)
    }
    for (const path of fleeting) this.#makeFleeting(this.#resolve(path, roots), homes)
    for (const [paths, kind] of [
      [readable, 'read'],
      [hidden, 'hide'],
    ] as const) {
      for (const path of paths) {
        if (kind === 'read' && this.#keepLink(cleanPath(path), roots, homes)) continue
        const real = this.#resolve(path, roots)
        const root = this.#nearest(real)
        if (kindAt(real) !== undefined) {
          this.#share(real)
          this.#set(real, kind)
        } else if (root?.kind === 'write') {
          // What is not there yet must not be made by the process either: something stands in its place meanwhile.
          this.#cover(real, root.path, path.endsWith('/'))
          this.#set(real, kind)
        }
      }
    }
  }

  /** People link their settings from where they keep them: what such a link leads to is not opened by it, and the link is there afterwards as it was. */
  #keepLink(path: string, roots: readonly string[], homes: readonly string[]): boolean {
    const root = roots.find((each) => isBelow(path, each) && homes.some((home) => isBelow(realPath(each), home)))
    if (root === undefined) return false
    const names = path.slice(root.length + 1).split('/')
    const link = names
      .map((_, at) => join(realPath(root), ...names.slice(0, at + 1)))
      .find((each) => kindAt(each) === 'link')
    if (link === undefined) return false
    this.#links.set(link, readlinkSync(link))
    for (let each = dirname(link); isBelow(each, realPath(root)); each = dirname(each)) this.#set(each, 'pin')
    return true
  }

  #resolve(path: string, roots: readonly string[]): string {
    const clean = cleanPath(path)
    const real = realPath(clean)
    for (const root of roots) {
      if (isBelow(clean, root) && !isWithin(real, realPath(root))) {
        throw new LoopwrightError('bad_input', `${path} leads out of ${root}, to ${real}`, {
          hint: 'a link inside of what a confined process writes may not lead elsewhere: remove it',
        })
      }
    }
    return real
  }

  #makeWritable(path: string, real: string, homes: readonly string[]): void {
    const home = homes.find((each) => isBelow(real, each))
    const kind = kindAt(real)
    if (kind === 'directory') {
      this.#set(real, 'write')
      return
    }
    const isFile = kind === 'file' || (kind === undefined && !path.endsWith('/') && fileEnding.test(real))
    if ((kind === undefined && home === undefined) || (kind !== undefined && kind !== 'file')) {
      throw new LoopwrightError(
        'bad_input',
        `a sandbox cannot make ${path} writable: ${kind === undefined ? 'it does not exist' : 'it is neither a file nor a directory'}`,
        {
          hint: 'make the directory first',
        },
      )
    }
    if (!isFile) {
      mkdirSync(real, { recursive: true, mode: 0o700 })
      this.#set(real, 'write')
      return
    }
    if (home === undefined) {
      this.#set(real, 'write')
      return
    }
    // Programs write such a file as a new one and rename it, which a mount in its place forbids: they get a copy in a directory of their own.
    const parent = dirname(real)
    mkdirSync(parent, { recursive: true, mode: 0o700 })
    const own = this.#own(parent)
    this.#lent.push(lendFile(real, join(own, basename(real))))
    this.#copied.add(real)
  }

  /** Of a file the process gets a copy, in a private directory in the place of the file's own. */
  #makeFleeting(real: string, homes: readonly string[]): void {
    const kind = kindAt(real)
    if (kind === 'file') {
      copyFileSync(real, join(this.#own(dirname(real)), basename(real)))
      this.#copied.add(real)
    } else if (kind === 'directory') this.#own(real)
    else if (
      kind === undefined &&
      this.#entries.get(dirname(real))?.kind !== 'own' &&
      !fileEnding.test(real) &&
      homes.some((home) => isBelow(real, home))
    ) {
      mkdirSync(real, { recursive: true, mode: 0o700 })
      this.#own(real)
    }
  }

  #secrets(homes: readonly string[]): void {
    const { writable, fleeting = [], readable } = this.#input.confinement
    const named = new Set([...writable, ...fleeting, ...readable].map(cleanPath))
    for (const home of [...homes, ...this.#input.homes.map(cleanPath)]) {
      for (const secret of homeSecrets) {
        const path = join(home, secret)
        if (named.has(path) || !exists(path)) continue
        const real = realPath(path)
        if (!named.has(real)) this.#set(real, 'hide')
      }
    }
  }

  /** A home of the process's own, in which it sees what is in the real one but for its secrets, and may leave new files for as long as it runs. */
  #ownHome(home: string): void {
    const set = this.#entries.get(home)
    if (set?.kind === 'write') return
    const inside = this.#nearest(dirname(home))
    if (inside?.kind === 'write' && set === undefined) return
    const isHidden =
      set?.kind === 'hide' && this.#input.confinement.hidden.some((path) => realPath(cleanPath(path)) === home)
    this.#own(home, isHidden)
  }

  /** Puts a private directory in the place of one, with what is in it seen through. */
  #own(path: string, empty = false): string {
    const set = this.#entries.get(path)
    if (set?.kind === 'own') return set.source
    const source = this.#directory()
    this.#entries.set(path, { path, kind: 'own', source })
    this.#ownedEmpty.set(path, empty)
    return source
  }

  readonly #ownedEmpty = new Map<string, boolean>()

  /** Fills the private directories; last, when it is known what of them is hidden or opened. */
  #fill(): void {
    for (const [path, empty] of this.#ownedEmpty) {
      if (empty) continue
      const source = this.#entries.get(path)?.source ?? ''
      for (const name of readdirSync(path)) {
        const child = join(path, name)
        const entry = this.#entries.get(child)
        if (this.#copied.has(child)) continue
        if (entry !== undefined) {
          // Not there at all is better than there and empty.
          if (entry.kind === 'hide') this.#entries.delete(child)
          continue
        }
        const kind = kindAt(child)
        if (kind === 'link') symlinkSync(readlinkSync(child), join(source, name))
        else if (kind === 'directory' || kind === 'file') this.#set(child, 'read')
      }
    }
  }

  /** What makes a writable directory a working copy is not written from inside. */
  #repositories(): void {
    for (const { path, kind } of [...this.#entries.values()]) {
      if (kind !== 'write') continue
      const git = join(path, '.git')
      const found = kindAt(git)
      if (found === 'directory' || found === 'file') this.#set(git, 'read')
    }
  }

  #pins(): void {
    this.#fill()
    for (const { path, kind } of [...this.#entries.values()]) {
      if (kind === 'write' || kind === 'pin') continue
      const around = this.#nearest(dirname(path))
      if (around?.kind !== 'write') continue
      for (let each = dirname(path); isBelow(each, around.path); each = dirname(each)) this.#set(each, 'pin')
    }
  }

  /** A read-only mount does not keep anybody from talking to a socket in it: those in sight are covered. */
  #sockets(): void {
    for (const line of this.#input.sockets.split('\n')) {
      const path = /^\S+: (?:\S+ ){5}\s*\d+ (\/.*)$/.exec(line)?.[1]
      if (path === undefined || kindAt(path) !== 'other') continue
      const real = realPath(path)
      const around = this.#nearest(real)
      if (around === undefined || around.kind === 'read') this.#set(real, 'hide')
    }
  }

  #args(): string[] {
    const args: string[] = []
    const closed: string[] = []
    const sorted = [...this.#entries.values()].sort((a, b) => depth(a.path) - depth(b.path))
    for (const { path, kind, source } of sorted) {
      const around = this.#nearest(dirname(path))?.kind ?? 'read'
      if (kind === 'hide') {
        if (around === 'hide' || kindAt(path) === undefined) continue
        if (kindAt(path) === 'directory') {
          args.push('--tmpfs', path)
          closed.push(path)
        } else args.push('--ro-bind', this.#empty, path)
      } else if (kind === 'read') {
        if (around !== 'read') args.push('--ro-bind', source, path)
      } else args.push('--bind', source, path)
    }
    for (const path of closed) args.push('--remount-ro', path)
    return args
  }

  /** What decides about a path that has no entry of its own. */
  #nearest(path: string): Entry | undefined {
    for (let each = path; ; each = dirname(each)) {
      const entry = this.#entries.get(each)
      if (entry !== undefined) return entry.kind === 'pin' ? { ...entry, ...this.#nearest(dirname(each)) } : entry
      if (each === '/') return undefined
    }
  }

  #set(path: string, kind: Kind, source: string = path): void {
    // What the process cannot get to needs no cover, and bubblewrap, with no more rights than it, could put none there.
    if (kind === 'hide' && !canReach(path)) return
    const before = this.#entries.get(path)
    if (before !== undefined && strictness.indexOf(before.kind) >= strictness.indexOf(kind)) return
    this.#entries.set(path, { path, kind, source })
  }

  #directory(mode = 0o700): string {
    const path = join(this.#input.scratch, `own-${this.#owned++}`)
    mkdirSync(path)
    chmodSync(path, mode)
    return path
  }

  #cover(path: string, root: string, directory: boolean): void {
    const missing: string[] = []
    for (let each = dirname(path); each !== root && kindAt(each) === undefined; each = dirname(each))
      missing.unshift(each)
    this.#share(dirname(path))
    for (const each of missing) {
      mkdirSync(each)
      this.#hold(each)
    }
    if (directory) mkdirSync(path)
    else writeFileSync(path, coverOf(path), { flag: 'wx' })
    this.#hold(path)
  }

  /** Keeps covers of another call that we rely on: taken away below us, a mount would be gone for our process too. */
  #share(path: string): void {
    for (let each = path; each !== '/'; each = dirname(each)) if (covers.has(each)) this.#hold(each)
  }

  #hold(path: string): void {
    if (this.#made.includes(path)) return
    covers.set(path, (covers.get(path) ?? 0) + 1)
    this.#made.push(path)
  }

  #release(): void {
    for (const file of this.#lent) file.bringBack()
    for (const [path, target] of this.#links) restoreLink(path, target)
    this.#takeAway()
  }

  #takeAway(): void {
    for (const path of this.#made.toSorted((a, b) => depth(b) - depth(a))) {
      const others = (covers.get(path) ?? 1) - 1
      if (others > 0) covers.set(path, others)
      else covers.delete(path)
      if (others > 0) continue
      try {
        if (kindAt(path) === 'directory') rmdirSync(path)
        else if (kindAt(path) === 'file' && statSync(path).size === coverOf(path).length) unlinkSync(path)
      } catch {
        // Somebody has put something there meanwhile: it is theirs.
      }
    }
  }
}

/** Puts a link back; what has taken its place stays beside it. */
function restoreLink(path: string, target: string): void {
  try {
    const kind = kindAt(path)
    if (kind === 'link' && readlinkSync(path) === target) return
    if (kind === 'link') unlinkSync(path)
    else if (kind !== undefined) renameSync(path, `${path}.${randomUUID()}`)
    symlinkSync(target, path)
  } catch {
    // Somebody else was faster.
  }
}

/** What stands in a file that is not there: programs that read settings shall find none, and no mistake. */
function coverOf(path: string): string {
  return /\.jsonc?$/.test(path) ? '{}' : ''
}

function depth(path: string): number {
  return path === '/' ? 0 : path.split('/').length
}

function exists(path: string): boolean {
  try {
    return statSync(path) !== undefined
  } catch {
    return false
  }
}

function canEnter(path: string): boolean {
  if (kindAt(path) !== 'directory') return true
  try {
    readdirSync(path)
    return true
  } catch {
    return false
  }
}

/** Whether we get to a path by the rights of our user and groups alone, without those root has above them. */
function canReach(path: string): boolean {
  for (let each = dirname(path); ; each = dirname(each)) {
    const seen = statSync(each, { throwIfNoEntry: false })
    if (seen === undefined) return false
    const bit = seen.uid === process.getuid?.() ? 0o100 : process.getgroups?.().includes(seen.gid) ? 0o010 : 0o001
    if ((seen.mode & bit) === 0) return false
    if (each === '/') return true
  }
}

/** The sockets of this machine that have a name in the file system. */
export function socketTable(): string {
  try {
    return readFileSync('/proc/net/unix', 'utf8')
  } catch {
    return ''
  }
}
