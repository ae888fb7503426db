import { createHash, randomUUID } from 'node:crypto'
import { mkdir, open, readFile, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { LoopwrightError } from '../core/errors.ts'
import type { BlobRef } from '../core/event.ts'
import type { Blobs } from '../core/ports.ts'
import { storeError } from './errors.ts'

export interface FileBlobsOptions {
  /** The folder of a run; absolute. References are relative to it. */
  readonly folder: (run: string) => string
}

/**
 * Keeps large values as files `blobs/<sha256>.json` beside the run, durable before `put` resolves. The path follows from the
 * content: putting the same text again, in this run or in a fork of it, gives the same reference.
 */
export function fileBlobs({ folder }: FileBlobsOptions): Blobs {
  return {
    async put(run, text) {
      const ref = refOf(text)
      const path = join(folder(run), ref.path)
      try {
        await write(path, text)
      } catch (error) {
        throw storeError(error, path)
      }
      return ref
    },
    async get(run, ref) {
      assertPath(ref)
      let text: string
      try {
        text = await readFile(join(folder(run), ref.path), 'utf8')
      } catch (error) {
        throw missing(ref, 'is gone', error)
      }
      return verified(ref, text)
    },
  }
}

/** Blobs without a disk, for tests and the simulator. */
export function memoryBlobs(): Blobs {
  const texts = new Map<string, string>()
  return {
    async put(run, text) {
      const ref = refOf(text)
      texts.set(`${run}/${ref.path}`, text)
      return ref
    },
    async get(run, ref) {
      assertPath(ref)
      const text = texts.get(`${run}/${ref.path}`)
      if (text === undefined) throw missing(ref, 'is gone')
      return verified(ref, text)
    },
  }
}

function refOf(text: string): BlobRef {
  const hash = hashOf(text)
  return { path: `blobs/${hash}.json`, bytes: Buffer.byteLength(text), hash }
}

function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

/** A crash leaves the whole file or a stray temporary one, never half a blob. */
async function write(path: string, text: string): Promise<void> {
  const directory = dirname(path)
  await mkdir(directory, { recursive: true, mode: 0o700 })
  const temporary = `${path}.${randomUUID()}.tmp`
  try {
    const file = await open(temporary, 'wx', 0o600)
    try {
      await file.writeFile(text)
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(temporary, path)
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
  await syncDirectory(directory)
}

/** Makes the new name durable. Windows cannot open a directory; there the rename itself is all there is. */
async function syncDirectory(path: string): Promise<void> {
  if (process.platform === 'win32') return
  const directory = await open(path, 'r')
  try {
    await directory.sync()
  } finally {
    await directory.close()
  }
}

/** A reference comes out of a journal: one that points elsewhere is never followed. */
function assertPath(ref: BlobRef): void {
  if (!/^blobs\/[0-9a-f]{64}\.json$/.test(ref.path)) throw missing(ref, 'is not a path of ours')
}

function verified(ref: BlobRef, text: string): string {
  if (hashOf(text) !== ref.hash) throw missing(ref, 'was changed: its hash differs')
  return text
}

function missing(ref: BlobRef, why: string, cause?: unknown): LoopwrightError {
  return new LoopwrightError('not_found', `kept value ${ref.path} ${why}`, { cause })
}
