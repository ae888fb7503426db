import type { Level } from './level.ts'

/** What an audit looks for, by name: what it is worth, what it is, and what to type when it is missing. Worth 100 together. */
export const auditSignals = {
  stateFile: {
    points: 7,
    what: 'a state file (STATE.md)',
    todo: 'loopwright init --kind triage --pattern daily-triage',
  },
  loopConfig: {
    points: 7,
    what: 'a loop that is described (LOOP.md)',
    todo: 'loopwright init --kind triage --pattern daily-triage',
  },
  skills: {
    points: 5,
    what: 'skills for agents (SKILL.md)',
    todo: 'mkdir -p .claude/skills/loop-triage, and write its SKILL.md',
  },
  verifier: {
    points: 7,
    what: 'somebody who verifies',
    todo: 'add triage: { verify: [npm test] } to .loopwright/config.yaml',
  },
  triage: {
    points: 5,
    what: 'triage that is described',
    todo: 'loopwright run daily-triage --dry-run shows one that comes along',
  },
  agentsMd: {
    points: 6,
    what: 'instructions for agents (AGENTS.md)',
    todo: 'loopwright instructions > AGENTS.md, then say how the project is built',
  },
  patterns: { points: 3, what: 'patterns', todo: 'loopwright list shows those that come along' },
  safety: {
    points: 5,
    what: 'rules of safety in words',
    todo: 'write ## Human Gates into LOOP.md: what always needs a human',
  },
  starters: { points: 2, what: 'loops to start from', todo: 'loopwright init' },
  github: {
    points: 5,
    what: 'checks that run by themselves (.github/workflows)',
    todo: 'let a workflow run your tests on each pull request',
  },
  mcp: { points: 2, what: 'connectors (.mcp.json)', todo: 'loopwright mcp install' },
  constraints: {
    points: 6,
    what: 'constraints (loop-constraints.md)',
    todo: 'loopwright init --kind triage --pattern daily-triage',
  },
  worktreeEvidence: {
    points: 4,
    what: 'work in worktrees',
    todo: 'loopwright run daily-triage --level L2 works in one',
  },
  registry: {
    points: 4,
    what: 'a registry of patterns (registry.yaml)',
    todo: 'loopwright init --kind triage --pattern daily-triage',
  },
  'cost.budgetDoc': {
    points: 4,
    what: 'a budget (loop-budget.md)',
    todo: 'loopwright cost --list shows what to expect; write it into loop-budget.md',
  },
  'cost.runLog': {
    points: 4,
    what: 'a run log (loop-run-log.md)',
    todo: 'loopwright run daily-triage --level L1 writes it',
  },
  'cost.loopMdBudget': {
    points: 2,
    what: 'a budget in LOOP.md',
    todo: 'write ## Budget into LOOP.md: tokens a day, and loop-pause-all',
  },
  'cost.budgetSkill': {
    points: 1,
    what: 'a skill about budgets',
    todo: 'add a skill that says when to stop: .claude/skills/loop-budget/SKILL.md',
  },
  'governance.toolScope': {
    points: 3,
    what: 'tools that agents may use',
    todo: 'say allowed-tools in each SKILL.md, or permissions in .claude/settings.json',
  },
  'governance.stallDetection': {
    points: 2,
    what: 'an end to tries that lead nowhere',
    todo: 'write into loop-constraints.md: at most 3 attempts per item',
  },
  'governance.escalation': {
    points: 3,
    what: 'a way to a human',
    todo: 'write into LOOP.md what is escalated, and set notify: in .loopwright/config.yaml',
  },
  'governance.gateYaml': {
    points: 6,
    what: 'a gate (gate.yaml)',
    todo: 'write gate.yaml, then loopwright gate check --action commit',
  },
  loopActivity: { points: 4, what: 'ticks in the run log', todo: 'loopwright run daily-triage --level L1' },
  harness: {
    points: 3,
    what: 'a command that tests the project',
    todo: 'add a test script, so that a change can be checked',
  },
} as const satisfies Readonly<Record<string, { readonly points: number; readonly what: string; readonly todo: string }>>

export type AuditSignal = keyof typeof auditSignals
export const auditSignalNames = Object.keys(auditSignals) as readonly AuditSignal[]

/** What was found of a signal: where, or nothing. */
export type AuditSignals = Readonly<Partial<Record<AuditSignal, string>>>

export interface Audit {
  /** 0 to 100. */
  readonly score: number
  /** As far as the project is ready. */
  readonly level: Level
  readonly signals: readonly {
    readonly name: AuditSignal
    readonly found: string | null
    readonly points: number
    readonly of: number
  }[]
  /** What to type, the most worth first. */
  readonly suggestions: readonly { readonly signal: AuditSignal; readonly points: number; readonly text: string }[]
  /** What stands between the project and the next level. */
  readonly missing: readonly AuditSignal[]
}

/** Below this a project is not ready for any loop. */
export const lowestScore = 40

const steps: readonly { readonly level: Level; readonly score: number; readonly needs: readonly AuditSignal[] }[] = [
  { level: 'L1', score: lowestScore, needs: ['stateFile', 'loopConfig'] },
  { level: 'L2', score: 60, needs: ['verifier', 'harness', 'constraints', 'governance.gateYaml'] },
  {
    level: 'L3',
    score: 80,
    needs: ['cost.budgetDoc', 'cost.runLog', 'governance.escalation', 'loopActivity', 'github'],
  },
]

/** Scores what was found in a project. */
export function scoreAudit(found: AuditSignals): Audit {
  const signals = auditSignalNames.map((name) => {
    const of = auditSignals[name].points
    return { name, found: found[name] ?? null, points: found[name] === undefined ? 0 : of, of }
  })
  const score = signals.reduce((sum, one) => sum + one.points, 0)
  let level: Level = 'L0'
  let missing: readonly AuditSignal[] = []
  for (const step of steps) {
    missing = step.needs.filter((name) => found[name] === undefined)
    if (missing.length > 0 || score < step.score) break
    level = step.level
  }
  const suggestions = signals
    .filter((one) => one.found === null)
    .toSorted((a, b) => Number(missing.includes(b.name)) - Number(missing.includes(a.name)) || b.of - a.of)
    .map(({ name, of }) => ({
      signal: name,
      points: of,
      text: `${auditSignals[name].what}: ${auditSignals[name].todo}`,
    }))
  return { score, level, signals, suggestions, missing }
}

/** The audit as Markdown. */
export function auditMarkdown(audit: Audit): string {
  const cell = (text: string) => text.replace(/[|\\]/g, '\\$&').replace(/\s+/g, ' ')
  const rows = audit.signals.map(
    ({ name, found, points, of }) => `| ${name} | ${found === null ? 'missing' : cell(found)} | ${points} / ${of} |`,
  )
  const todo = audit.suggestions.map(({ text, points }) => `- ${text} (+${points})`)
  return [
    `# Loop readiness: ${audit.score} / 100 (${audit.level})`,
    ['| signal | found | points |', '| --- | --- | --- |', ...rows].join('\n'),
    ...(todo.length === 0 ? [] : ['## Next', todo.join('\n')]),
  ].join('\n\n')
}

/** The score as a badge: an SVG that needs nothing else. */
export function auditBadge({ score, level }: Pick<Audit, 'score' | 'level'>): string {
  const [left, right] = ['loop ready', `${score} · ${level}`]
  const colour = score >= 80 ? '#2e7d32' : score >= 60 ? '#9a6700' : score >= lowestScore ? '#b35900' : '#b3261e'
  const width = (text: string) => text.length * 7 + 14
  const [a, b] = [width(left), width(right)]
  const text = (x: number, said: string) => `<text x="${x}" y="14" textLength="${said.length * 7 - 2}">${said}</text>`
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${a + b}" height="20" role="img" aria-label="${left}: ${right}">`,
    `<title>${left}: ${right}</title>`,
    `<clipPath id="r"><rect width="${a + b}" height="20" rx="4"/></clipPath>`,
    `<g clip-path="url(#r)"><path fill="#3a3f47" d="M0 0h${a}v20H0z"/><path fill="${colour}" d="M${a} 0h${b}v20H${a}z"/></g>`,
    '<g fill="#fff" text-anchor="middle" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11">',
    `${text(a / 2, left)}${text(a + b / 2, right)}</g></svg>`,
  ].join('')
}
