import { createHash, randomUUID } from 'node:crypto'
import { lstat, open, readFile, realpath, rename, rm } from 'node:fs/promises'
import { join, relative, resolve } from 'node:path'
import { z } from 'zod'
import { LoopwrightError, messageOf } from '../core/errors.ts'
import { ensureHome, isCode, isInside } from './paths.ts'

/** What trust is about: files as they were read, so that nothing can change between the question and the use. */
export interface TrustInput {
  /** The state directory. */
  readonly home: string
  readonly project: string
  readonly files: readonly { readonly path: string; readonly text: string }[]
}

export interface TrustState {
  readonly trusted: boolean
  /** Files not trusted as they are: `new` was never seen, `changed` was trusted with other content. */
  readonly untrusted: readonly { readonly path: string; readonly why: 'new' | 'changed' }[]
  /** What is wrong with trust.json, if something is: nothing is trusted then. */
  readonly problem?: string
}

const record = z.object({
  version: z.literal(1),
  projects: z.record(z.string(), z.object({ files: z.record(z.string(), z.string()) })),
})
type TrustRecord = z.output<typeof record>

/** Whether all these files of a project are trusted with exactly this content. Reads only. */
export async function trustState({ home, project, files }: TrustInput): Promise<TrustState> {
  const { known, problem } = await load(home)
  const root = await real(project)
  const entry = lookup(known.projects, root)
  const untrusted: { path: string; why: 'new' | 'changed' }[] = []
  for (const file of files) {
    const hash = lookup(entry?.files ?? {}, await keyOf(root, file.path))
    if (hash !== digest(file.text)) untrusted.push({ path: file.path, why: hash === undefined ? 'new' : 'changed' })
  }
  return { trusted: untrusted.length === 0, untrusted, ...(problem === undefined ? {} : { problem }) }
}

/** Records that the owner trusts these files as they are. A trust.json that cannot be read is kept beside as trust.json.corrupt. */
export async function trust({ home, project, files }: TrustInput): Promise<void> {
  await ensureHome(home)
  const { known, problem } = await load(home)
  const path = join(home, 'trust.json')
  if (problem !== undefined) await rename(path, `${path}.corrupt`).catch(() => undefined)
  const root = await real(project)
  const entries = Object.entries(lookup(known.projects, root)?.files ?? {})
  for (const file of files) entries.push([await keyOf(root, file.path), digest(file.text)])
  const projects = Object.fromEntries([
    ...Object.entries(known.projects),
    [root, { files: Object.fromEntries(entries) }],
  ])
  await writeAtomic(path, `${JSON.stringify({ version: 1, projects }, undefined, 2)}\n`)
}

/** Throws `untrusted` unless everything is trusted; the message names the files. */
export async function requireTrust(input: TrustInput): Promise<void> {
  const state = await trustState(input)
  if (state.trusted) return
  const names = state.untrusted.map(
    ({ path, why }) => `${path} (${why === 'new' ? 'not trusted yet' : 'changed since it was trusted'})`,
  )
  throw new LoopwrightError(
    'untrusted',
    `these files can run commands: ${names.join(', ')}${state.problem === undefined ? '' : `; ${state.problem}`}`,
    {
      hint: 'read them, then trust them: loopwright trust, with loop files among them by name',
    },
  )
}

async function load(home: string): Promise<{ known: TrustRecord; problem?: string }> {
  const path = join(home, 'trust.json')
  const nothing: TrustRecord = { version: 1, projects: {} }
  try {
    if (!(await lstat(path)).isFile()) return { known: nothing, problem: `${path} is not a file` }
    return { known: record.parse(JSON.parse(await readFile(path, 'utf8'))) }
  } catch (error) {
    if (isCode(error, 'ENOENT') || isCode(error, 'ENOTDIR')) return { known: nothing }
    const why =
      error instanceof z.ZodError || error instanceof SyntaxError
        ? 'is damaged'
        : `cannot be read (${messageOf(error)})`
    return { known: nothing, problem: `${path} ${why}: nothing is trusted until you trust it again` }
  }
}

/** Written beside and renamed, so that a crash leaves the old file or the new one. */
async function writeAtomic(path: string, text: string): Promise<void> {
  const beside = `${path}.${randomUUID()}`
  try {
    const file = await open(beside, 'wx', 0o600)
    try {
      await file.writeFile(text)
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(beside, path)
  } catch (error) {
    await rm(beside, { force: true })
    throw new LoopwrightError(
      isCode(error, 'ENOSPC') ? 'store_full' : 'store_readonly',
      `${path}: cannot be written: ${messageOf(error)}`,
      { cause: error },
    )
  }
}

async function keyOf(root: string, path: string): Promise<string> {
  const file = await real(resolve(root, path))
  return isInside(root, file) ? relative(root, file) : file
}

async function real(path: string): Promise<string> {
  return realpath(path).catch(() => resolve(path))
}

function lookup<T>(map: Readonly<Record<string, T>>, key: string): T | undefined {
  return Object.hasOwn(map, key) ? map[key] : undefined
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}
