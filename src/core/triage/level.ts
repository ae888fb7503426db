/**
 * How far a triage loop may go: L0 drafts, L1 reports, L2 changes on a branch with a verifier, L3 acts unattended behind human gates.
 */
export const levels = ['L0', 'L1', 'L2', 'L3'] as const
export type Level = (typeof levels)[number]

/** What a level may do. The runtime hands a tick only what its level may use, so that what is false here cannot happen. */
export interface Permissions {
  /** Write the state file, the run log and the ledger of the project. */
  readonly record: boolean
  /** Tell people about escalations. */
  readonly notify: boolean
  /** Let an agent change files in a worktree and commit that on the run's own branch. */
  readonly change: boolean
  /** Push the run's branch and open a pull request. */
  readonly propose: boolean
  /** Merge into the branch the user is on, and only what the gate's allowlist names. */
  readonly merge: boolean
}

const none: Permissions = { record: false, notify: false, change: false, propose: false, merge: false }

/** The one table of what each level may do. */
export const permissions: Readonly<Record<Level, Permissions>> = {
  L0: none,
  L1: { ...none, record: true, notify: true },
  L2: { ...none, record: true, notify: true, change: true, propose: true },
  L3: { record: true, notify: true, change: true, propose: true, merge: true },
}

export function isLevel(text: string): text is Level {
  return levels.some((level) => level === text)
}

/** The lower of two levels. */
export function lowerLevel(a: Level, b: Level): Level {
  return levels.indexOf(a) < levels.indexOf(b) ? a : b
}
