import type { ApprovalPolicy, ApprovalRule, PermissionQuestion } from './ports.ts'

/** What is answered to a question, and why, for people. */
export interface Approval {
  readonly decision: 'allow' | 'deny'
  readonly because: string
}

const harmless: readonly PermissionQuestion['kind'][] = ['read', 'search', 'think']
const changes: readonly PermissionQuestion['kind'][] = ['edit', 'delete', 'move']

/**
 * Answers an agent that asks for permission: by the first rule that fits, else by the policy's mode. A rule's text is compared with the title
 * and with each path; one that allows fits by paths only when every path does, so that no file comes along with another.
 *
 * This is an aid and no boundary: what is asked is what the agent says, and an agent need not ask. The paths are compared as they are written,
 * with `..` taken out: a caller that knows the disk resolves links before it asks.
 *
 * @param workspaceRoot the directory whose files may be changed; absolute
 */
export function decideApproval(question: PermissionQuestion, policy: ApprovalPolicy, workspaceRoot: string): Approval {
  const paths = question.paths.map((path) => resolve(path, workspaceRoot))
  for (const rule of policy.rules) {
    if (!fits(rule, question, paths)) continue
    return { decision: rule.decision, because: `a rule says to ${nameOf(rule)}` }
  }
  return byMode(question.kind, paths, policy.mode, workspaceRoot)
}

function byMode(
  kind: PermissionQuestion['kind'],
  paths: readonly (string | undefined)[],
  mode: ApprovalPolicy['mode'],
  workspaceRoot: string,
): Approval {
  if (mode === 'all') return { decision: 'allow', because: 'everything is allowed' }
  if (harmless.includes(kind)) return { decision: 'allow', because: `${kind} changes nothing` }
  if (mode === 'none') return { decision: 'deny', because: 'only reading, searching and thinking are allowed' }
  if (!changes.includes(kind))
    return { decision: 'deny', because: `${kind} is not among what is allowed: a rule can allow it` }
  // An edit too: a file that is not named may be any file.
  if (paths.length === 0) return { decision: 'deny', because: 'it does not say which file: a rule can allow it' }
  const root = segments(workspaceRoot)
  for (const path of paths) {
    const problem = path === undefined ? 'a path cannot be read' : outside(path, root)
    if (problem !== undefined) return { decision: 'deny', because: problem }
  }
  return { decision: 'allow', because: 'it is in the workspace' }
}

/** Why a path must not be changed; undefined when it lies below the workspace's root, outside of git's own files. */
function outside(path: string, root: readonly string[]): string | undefined {
  const own = segments(path)
  const below = own.length > root.length && root.every((segment, at) => segment === own[at])
  if (!below) return `${path} is not in the workspace`
  const git = own.slice(root.length).some((segment) => segment.toLowerCase() === '.git')
  return git ? `${path} is one of git's own files` : undefined
}

function fits(rule: ApprovalRule, question: PermissionQuestion, paths: readonly (string | undefined)[]): boolean {
  if (rule.kind !== undefined && rule.kind !== question.kind) return false
  const { match } = rule
  if (match === undefined || matches(match, question.title)) return true
  if (rule.decision === 'allow') {
    return paths.length > 0 && paths.every((path) => path !== undefined && matches(match, path))
  }
  return [...question.paths, ...paths].some((path) => path !== undefined && matches(match, path))
}

function nameOf(rule: ApprovalRule): string {
  const what = [rule.kind, rule.match === undefined ? undefined : JSON.stringify(rule.match.slice(0, 200))]
  const named = what.filter((part) => part !== undefined).join(' ')
  return `${rule.decision} ${named === '' ? 'everything' : named}`
}

/** Whether a text is what a pattern says, in which `*` stands for any text. Looks at each piece once: no pattern makes it slow. */
function matches(pattern: string, text: string): boolean {
  const [first = '', ...rest] = pattern.split('*')
  const last = rest.pop()
  if (last === undefined) return text === pattern
  if (!text.startsWith(first)) return false
  let at = first.length
  for (const piece of rest) {
    const found = text.indexOf(piece, at)
    if (found === -1) return false
    at = found + piece.length
  }
  return text.length - last.length >= at && text.endsWith(last)
}

/** The path as an absolute one without `.` and `..`; undefined for what is none, or means a place only a shell knows. */
function resolve(path: string, root: string): string | undefined {
  if (path === '' || path.includes('\0') || path.startsWith('~')) return undefined
  const plain = slashed(path, root)
  const absolute = plain.startsWith('/') || isDrive(plain) ? plain : `${slashed(root, root)}/${plain}`
  const kept: string[] = []
  const drive = isDrive(plain) ? 1 : 0
  for (const segment of absolute.split('/')) {
    if (segment === '..') kept.splice(Math.max(drive, kept.length - 1))
    else if (segment !== '' && segment !== '.') kept.push(segment)
  }
  return `${absolute.startsWith('/') ? '/' : ''}${kept.join('/')}`
}

function segments(path: string): string[] {
  return (resolve(path, path) ?? '').split('/').filter((segment) => segment !== '')
}

/** Where the workspace is a Windows path a backslash separates too; elsewhere it is a character like others. */
function slashed(path: string, root: string): string {
  return isDrive(root) ? path.replaceAll('\\', '/') : path
}

function isDrive(path: string): boolean {
  return /^[A-Za-z]:[\\/]/.test(path)
}
