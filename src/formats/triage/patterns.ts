import { parseCadence } from '../../core/triage/cadence.ts'
import { type Pattern, type PatternCost, type SourceName, sourceNames } from '../../core/triage/pattern.ts'

const anyPriority = 100

/** Where a pattern looks, and when its turn is. Repairs of what is red go first, reports last. */
const places: ReadonlyMap<string, { readonly priority: number; readonly sources: readonly SourceName[] }> = new Map([
  ['ci-sweeper', { priority: 10, sources: ['ci', 'checks'] }],
  ['pr-babysitter', { priority: 20, sources: ['pulls', 'ci'] }],
  ['issue-pr-repair', { priority: 25, sources: ['issues', 'pulls', 'ci'] }],
  ['dependency-sweeper', { priority: 30, sources: ['audit'] }],
  ['post-merge-cleanup', { priority: 40, sources: ['git', 'todo'] }],
  ['changelog-drafter', { priority: 40, sources: ['git', 'pulls'] }],
  ['daily-triage', { priority: 50, sources: ['git', 'checks', 'todo', 'issues', 'pulls', 'ci'] }],
  ['issue-triage', { priority: 60, sources: ['issues'] }],
])

/** Of several loops that are due at once the lowest goes first; 100 for one that nobody ranked. */
export function defaultPriority(id: string): number {
  return places.get(id)?.priority ?? anyPriority
}

/** Where a pattern of this id looks when its registry does not say; everywhere for one that is not known. */
export function defaultSources(id: string): readonly SourceName[] {
  return places.get(id)?.sources ?? sourceNames
}

const agents = ['claude-code', 'codex', 'opencode', 'grok', 'cursor', 'aider', 'github-actions']

type Given = Pick<
  Pattern,
  'id' | 'name' | 'goal' | 'risk' | 'skills' | 'state' | 'phases' | 'humanGates' | 'weekOneMode' | 'tokenCost'
> & {
  readonly cadence: string
  /** Tokens of a tick that finds nothing, reports, acts; the cap of a day; whether finding nothing must be free. */
  readonly tokens: readonly [noop: number, report: number, action: number, cap: number, earlyExit: boolean]
}

function pattern({ cadence, tokens, ...given }: Given): Pattern {
  const [tokensNoop, tokensReport, tokensAction, suggestedDailyCap, earlyExitRequired] = tokens
  const cost: PatternCost = {
    tokensNoop,
    tokensReport,
    tokensAction,
    stableFraction: 0.35,
    suggestedDailyCap,
    earlyExitRequired,
  }
  return {
    ...given,
    cadence: parseCadence(cadence),
    tools: agents,
    cost,
    sources: defaultSources(given.id),
    priority: defaultPriority(given.id),
  }
}

/** The patterns that come with loopwright, for projects without a registry of their own. In the order of their turns. */
export const builtinPatterns: readonly Pattern[] = [
  pattern({
    id: 'ci-sweeper',
    name: 'CI Sweeper',
    goal: 'Get red checks green again: find what broke, mend it with the smallest change, hand over what is not code',
    cadence: '5m-15m',
    risk: 'medium',
    skills: ['ci-triage', 'minimal-fix'],
    state: 'ci-sweeper-state.md',
    phases: ['find-red', 'tell-code-from-infrastructure', 'mend', 'verify', 'hand-over'],
    humanGates: ['broken-infrastructure', 'attempts-used-up', 'tests-of-security'],
    weekOneMode: 'L2',
    tokenCost: 'very-high',
    tokens: [5000, 50_000, 200_000, 1_000_000, true],
  }),
  pattern({
    id: 'pr-babysitter',
    name: 'PR Babysitter',
    goal: 'Keep open pull requests moving: answer reviews, mend their checks, say which of them wait for whom',
    cadence: '5m-15m',
    risk: 'medium',
    skills: ['pr-review-triage', 'minimal-fix'],
    state: 'pr-babysitter-state.md',
    phases: ['list-open', 'rank', 'mend', 'verify', 'tell'],
    humanGates: ['security', 'payments', 'sign-in', 'attempts-used-up'],
    weekOneMode: 'L1',
    tokenCost: 'high',
    tokens: [3000, 80_000, 250_000, 2_000_000, true],
  }),
  pattern({
    id: 'dependency-sweeper',
    name: 'Dependency Sweeper',
    goal: 'Find dependencies with known holes or newer patches, update the harmless ones, leave the rest to people',
    cadence: '6h-1d',
    risk: 'medium',
    skills: ['dependency-triage', 'minimal-fix', 'loop-verifier'],
    state: 'dependency-sweeper-state.md',
    phases: ['look-up', 'rank-by-risk', 'update-patches', 'verify', 'hand-over'],
    humanGates: ['major-versions', 'severe-vulnerabilities', 'attempts-used-up'],
    weekOneMode: 'L2',
    tokenCost: 'medium',
    tokens: [5000, 60_000, 300_000, 500_000, true],
  }),
  pattern({
    id: 'post-merge-cleanup',
    name: 'Post-Merge Cleanup',
    goal: 'After merges, tidy what they left behind: leftover notes, dead code, missing tests, stale documents',
    cadence: '1d-6h',
    risk: 'low',
    skills: ['post-merge-scan', 'minimal-fix'],
    state: 'post-merge-state.md',
    phases: ['read-merges', 'rank', 'tidy-small', 'note-large'],
    humanGates: ['architecture', 'feature-flags', 'large-changes'],
    weekOneMode: 'L1',
    tokenCost: 'low',
    tokens: [5000, 40_000, 150_000, 200_000, false],
  }),
  pattern({
    id: 'changelog-drafter',
    name: 'Changelog Drafter',
    goal: 'Draft the changelog from what was merged since the last release, sorted by what users notice',
    cadence: '1d',
    risk: 'low',
    skills: ['changelog-scan', 'loop-verifier'],
    state: 'changelog-drafter-state.md',
    phases: ['read-merges', 'sort', 'draft', 'review'],
    humanGates: ['breaking-changes', 'security-notes', 'announcements'],
    weekOneMode: 'L1',
    tokenCost: 'low',
    tokens: [5000, 35_000, 80_000, 100_000, false],
  }),
  pattern({
    id: 'daily-triage',
    name: 'Daily Triage',
    goal: 'Look over checks, issues, pull requests and recent commits, and say what matters today, most urgent first',
    cadence: '1d-2h',
    risk: 'low',
    skills: ['loop-triage', 'minimal-fix'],
    state: 'STATE.md',
    phases: ['look', 'rank', 'mend-small', 'hand-over'],
    humanGates: ['design-decisions', 'changes-across-modules'],
    weekOneMode: 'L1',
    tokenCost: 'low',
    tokens: [5000, 50_000, 200_000, 100_000, false],
  }),
  pattern({
    id: 'issue-triage',
    name: 'Issue Triage',
    goal: 'Sort new issues: what is the same, what is urgent, what is unclear, which labels would fit',
    cadence: '2h-1d',
    risk: 'low',
    skills: ['issue-triage', 'loop-verifier'],
    state: 'issue-triage-state.md',
    phases: ['read-new', 'find-doubles', 'rank', 'propose-labels'],
    humanGates: ['security', 'urgent-issues', 'unclear-doubles', 'closing'],
    weekOneMode: 'L1',
    tokenCost: 'low',
    tokens: [3000, 30_000, 60_000, 80_000, false],
  }),
]
