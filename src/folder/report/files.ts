import { dirname, isAbsolute, relative, sep } from 'node:path'
import { readAt, withPlain } from '../files.ts'
import type { ReportLog, ReportPicture } from './facts.ts'

const logBytes = 8000
const pictureBytes = 4 * 1024 * 1024

/** The end of a log file; undefined when there is none, or it is no plain file. */
export function logEnd(path: string, bytes: number = logBytes): ReportLog | undefined {
  return withPlain(path, (fd, size) => {
    const text = readAt(fd, Math.max(0, size - bytes), Math.min(size, bytes)).toString('utf8')
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
  const png = withPlain(path, (fd, size) => (size > pictureBytes ? undefined : readAt(fd, 0, size)))
  return { name, path, ...href, ...(png === undefined ? {} : { png }) }
}
