import { closeSync, constants, fstatSync, readSync } from 'node:fs'
import { dirname, isAbsolute, relative, sep } from 'node:path'
import { openPlain } from '../files.ts'
import type { ReportLog, ReportPicture } from './facts.ts'

const logBytes = 8000
const pictureBytes = 4 * 1024 * 1024

/** The end of a log file; undefined when there is none, or it is no plain file. */
export function logEnd(path: string, bytes: number = logBytes): ReportLog | undefined {
  return withFile(path, (fd, size) => {
    const text = read(fd, Math.max(0, size - bytes), Math.min(size, bytes)).toString('utf8')
    // A character may have been cut at the start.
    return { text: size > bytes ? text.replace(/^\uFFFD+/, '') : text, path, ...(size > bytes ? { bytes: size } : {}) }
  })
}

/**
 * A picture for a report that will stand at `report`. One that is too large, or cannot be read, is only linked.
 */
export function pictureFile(picture: { readonly name: string; readonly path: string }, report: string): ReportPicture {
  const { name, path } = picture
  const below = relative(dirname(report), path)
  const href = below.startsWith('..') || isAbsolute(below) ? {} : { href: below.split(sep).join('/') }
  const png = withFile(path, (fd, size) => (size > pictureBytes ? undefined : read(fd, 0, size)))
  return { name, path, ...href, ...(png === undefined ? {} : { png }) }
}

function withFile<Value>(path: string, use: (fd: number, size: number) => Value): Value | undefined {
  try {
    const fd = openPlain(path, constants.O_RDONLY)
    try {
      return use(fd, fstatSync(fd).size)
    } finally {
      closeSync(fd)
    }
  } catch {
    return undefined
  }
}

function read(fd: number, from: number, length: number): Buffer {
  const bytes = Buffer.alloc(length)
  let done = 0
  while (done < length) {
    const came = readSync(fd, bytes, done, length - done, from + done)
    if (came === 0) break
    done += came
  }
  return bytes.subarray(0, done)
}
