import { lstatSync, readlinkSync, realpathSync } from 'node:fs'
import { basename, dirname, isAbsolute, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Approval, decideApproval } from '../../core/approval.ts'
import type { ApprovalPolicy, PermissionQuestion } from '../../core/ports.ts'
import { type Fields, fields, list, text } from '../command/reader.ts'
import { oneLine } from '../command/told.ts'

const kinds: readonly PermissionQuestion['kind'][] = [
  'read',
  'edit',
  'delete',
  'move',
  'search',
  'execute',
  'think',
  'fetch',
  'other',
]

/** Where a tool's input names files, by the agents seen. */
const pathKeys =
  /^(?:(?:file|dir|old|new|source|destination|src|dest|target|from|to|notebook|absolute)?_?(?:path|file|filename)|source|destination)s?$/i
/** More files than any question has. */
const mostPaths = 1000
const titleChars = 4000

/** What a tool call asks permission for. Everything that may be a file is counted as one: what it says in one place, it may leave out in another. */
export function questionOf(call: Fields): PermissionQuestion {
  const input = fields(call.rawInput)
  const named = [
    ...list(call.locations).map((location) => fields(location).path),
    ...list(call.content).map((part) => fields(part).path),
    ...Object.entries(input).flatMap(([key, value]) =>
      pathKeys.test(key) ? (Array.isArray(value) ? value : [value]) : [],
    ),
    // A patch of several files: { changes: { "/repo/a": … } }.
    ...Object.keys(fields(input.changes)),
  ]
  const paths = named.flatMap((path) => text(path) ?? []).map(plainPath)
  const kind = kinds.find((each) => each === call.kind) ?? 'other'
  const title = commandOf(call) ?? text(call.title) ?? text(call.name) ?? kind
  return { kind, title: title.slice(0, titleChars), paths: [...new Set(paths)].slice(0, mostPaths) }
}

/** A question as people read it, in one line, with the file where the title does not tell. */
export function shownQuestion({ title, paths }: PermissionQuestion): string {
  const [first] = paths
  return oneLine(first === undefined || title.includes(basename(first)) ? title : `${title} ${first}`)
}

/**
 * Answers a question, with the paths as they are written and as the disk has them: only what is allowed both ways is. So neither a link in the
 * workspace leads out of it, nor does a rule about a link miss.
 *
 * @param cwd the workspace; absolute
 */
export function answerOf(question: PermissionQuestion, policy: ApprovalPolicy, cwd: string): Approval {
  const written = decideApproval(question, policy, cwd)
  if (written.decision === 'deny' || question.paths.length === 0) return written
  const paths = question.paths.map((path) => (isAbsolute(path) ? realPath(path) : realPath(resolve(cwd, path))))
  return decideApproval({ ...question, paths }, policy, realPath(cwd))
}

/** The option that stands for a decision, the narrower one first; undefined when there is none. */
export function optionFor(decision: Approval['decision'], options: readonly unknown[]): string | undefined {
  for (const kind of [
    `${decision === 'allow' ? 'allow' : 'reject'}_once`,
    `${decision === 'allow' ? 'allow' : 'reject'}_always`,
  ]) {
    const found = options.map(fields).find((option) => option.kind === kind && text(option.optionId) !== undefined)
    if (found !== undefined) return text(found.optionId)
  }
  return undefined
}

/** The command line of a call that runs one. */
export function commandOf(call: Fields): string | undefined {
  if (call.kind !== undefined && call.kind !== 'execute') return undefined
  const { command, cmd } = fields(call.rawInput)
  if (Array.isArray(command)) return text(command.filter((part) => typeof part === 'string').join(' '))
  return text(command) ?? text(cmd)
}

function plainPath(path: string): string {
  if (!/^file:\/\//i.test(path)) return path
  try {
    return fileURLToPath(path)
  } catch {
    return path
  }
}

/** The path without links, as far as it exists; empty when its links lead round in circles. */
function realPath(path: string, depth = 0): string {
  try {
    return realpathSync.native(path)
  } catch {
    // Not there, or not all of it.
  }
  const parent = dirname(path)
  if (parent === path) return path
  if (!isLink(path)) {
    const above = realPath(parent, depth)
    return above === '' ? '' : join(above, basename(path))
  }
  // A link to what is not there yet: writing to it makes the file it names.
  return depth > 40 ? '' : realPath(resolve(realPath(parent, depth + 1), readlinkSync(path)), depth + 1)
}

function isLink(path: string): boolean {
  try {
    return lstatSync(path).isSymbolicLink()
  } catch {
    return false
  }
}
