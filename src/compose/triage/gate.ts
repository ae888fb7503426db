import { isAbsolute, join, resolve } from 'node:path'
import { readOptional } from '../../config/paths.ts'
import { LoopwrightError } from '../../core/errors.ts'
import { rulePatch } from '../../core/triage/decide.ts'
import type { GateAction, GatePolicy, GateRuling } from '../../core/triage/gate.ts'
import { type PatchFinding, scanPatch } from '../../core/triage/patch-scan.ts'
import { ruleOn } from '../../core/triage/rule.ts'
import { defaultGate, parseGate } from '../../formats/triage/gate.ts'
import { fileInCommit, type UserChange, userChange } from '../../workspace/change.ts'
import type { Git } from '../../workspace/git.ts'
import { ledgerName, runLogName } from './files.ts'
import { gatePlaces } from './project.ts'

/** What the engine writes, or rules by, in a project that lies deeper in its repository. */
const records = ['STATE.md', runLogName, ledgerName, ...gatePlaces]

export interface GateRequest {
  readonly action: GateAction
  /** Changed files, from the top of the repository. Absent: what is changed in the working copy. */
  readonly paths?: readonly string[]
  /** Against where the working copy left this branch or commit, instead of HEAD. */
  readonly base?: string | undefined
  /** This policy, instead of the project's. */
  readonly gateFile?: string | undefined
}

export interface GateAnswer extends GateRuling {
  readonly action: GateAction
  /** How many files were looked at, and lines where they were counted. */
  readonly files: number
  readonly lines: number | null
  /** Where the policy was read; null: the default. */
  readonly policy: string | null
  readonly findings: readonly PatchFinding[]
}

/** What the gate of one project says of changes. */
export interface Gate {
  /** Rules on named files, or on what is changed in the working copy; then what the patch holds counts too. */
  check(request: GateRequest): Promise<GateAnswer>
  /** What the patch of the working copy holds, or the one given. */
  scan(request: { readonly base?: string | undefined; readonly diff?: string }): Promise<readonly PatchFinding[]>
}

/** @param root the project; absolute @param own state files of its patterns, from the top of the project */
export function gateOf(options: {
  readonly git: Git
  readonly root: string
  readonly home: string
  readonly own: () => Promise<readonly string[]>
  /** More lines than this go to a human, whatever the file says. */
  readonly maxLines?: number | undefined
}): Gate {
  const { git, root, home, maxLines } = options
  const changed = (base: string | undefined) =>
    userChange(git, { project: root, home: join(home, 'gate'), ...(base === undefined ? {} : { base }) })
  return {
    async check({ action, paths, base, gateFile }) {
      const change = paths === undefined ? await changed(base) : undefined
      const read = await policyOf(git, root, change, gateFile)
      const policy =
        maxLines === undefined ? read : { ...read, maxLines: Math.min(maxLines, read.maxLines ?? maxLines) }
      const prefix = change?.prefix ?? ''
      const own = [...records, ...(await options.own())].map((file) => `${prefix}${file}`)
      const ruling = ruleOn(policy, {
        ...{ action, own, paths: change?.paths ?? paths ?? [] },
        ...(change === undefined ? {} : { lines: change.lines }),
      })
      const findings = change === undefined ? [] : findingsOf(change)
      return {
        ...rulePatch(ruling, findings),
        ...{ action, findings, policy: policy.origin ?? null },
        ...{ files: new Set(change?.paths ?? paths ?? []).size, lines: change?.lines ?? null },
      }
    },
    async scan({ base, diff }) {
      return diff === undefined ? findingsOf(await changed(base)) : scanPatch(diff)
    },
  }
}

function findingsOf(change: UserChange): PatchFinding[] {
  const unread = (what: string, path = '', kind: PatchFinding['kind'] = 'unclear'): PatchFinding => ({
    ...{ path, line: 0, kind, severity: 'escalate', what, excerpt: '' },
  })
  return [
    ...scanPatch(change.diff),
    ...(change.truncated ? [unread('the patch is too large to be looked at as a whole')] : []),
    ...change.moved.map((path) => unread('it stands at another commit', path, 'submodule')),
    ...change.leftOut.map((path) => unread('this file could not be read', path)),
  ]
}

/** The policy of a change is the one of its base: a change never rules on itself. */
async function policyOf(
  git: Git,
  root: string,
  change: UserChange | undefined,
  gateFile: string | undefined,
): Promise<GatePolicy> {
  if (gateFile !== undefined) {
    const path = isAbsolute(gateFile) ? gateFile : resolve(root, gateFile)
    const text = await readOptional(path)
    if (text === undefined) throw new LoopwrightError('bad_input', `${path}: there is no such file`)
    return parseGate(text, path)
  }
  for (const place of gatePlaces) {
    const path = join(root, place)
    const before =
      change?.base === undefined
        ? undefined
        : await fileInCommit(git, change.top, change.base, `${change.prefix}${place}`)
    const text = before ?? (await readOptional(path))
    if (text !== undefined) return parseGate(text, path)
  }
  return defaultGate
}
