import { fitsGlob } from '../changes.ts'
import type { GatePolicy, GateQuestion, GateRuling, GateTrigger, RiskClass } from './gate.ts'
import { riskClasses } from './gate.ts'
import { pathFacts } from './path-facts.ts'
import { protectionOf } from './protected.ts'
import { risksOf } from './risk.ts'

const shown = 5

/**
 * Decides about a change by its paths and size: first what is protected, then paths nobody understands, then the denylist, risks, size,
 * tries, and for a merge the allowlist. Letter case does not count but for the allowlist. What is not understood goes to a human.
 */
export function ruleOn(policy: GatePolicy, question: GateQuestion): GateRuling {
  const paths = [...new Set(question.paths)]
  const facts = paths.map(pathFacts)
  const clear = facts.flatMap((one) => ('unclear' in one ? [] : [one]))
  const unclear = facts.flatMap((one) => ('unclear' in one ? [one] : []))

  const byPath = new Map(clear.map((one) => [one.path, risksOf(one.path, one.names)]))
  const risks = riskClasses.filter((risk) => [...byPath.values()].some((all) => all.includes(risk)))
  const rule = (
    decision: GateRuling['decision'],
    trigger: GateTrigger,
    reason: string,
    matched: readonly string[],
  ) => ({
    ...{ decision, trigger, reason, risks },
    matchedPaths: matched,
  })
  const human = (trigger: GateTrigger, reason: string, matched: readonly string[] = []) =>
    rule('escalate', trigger, reason, matched)

  const own = new Set((question.own ?? []).map(fold))
  const guarded = clear.map((one) => ({ path: one.path, by: protectionOf(one.names, own) }))
  const denied = guarded.filter((one) => one.by === 'deny').map((one) => one.path)
  if (denied.length > 0) return rule('deny', 'protected', `only loopwright and people change ${list(denied)}`, denied)
  const steering = guarded.filter((one) => one.by === 'escalate').map((one) => one.path)
  if (steering.length > 0) return human('protected', `steers loops, agents or reviews: ${list(steering)}`, steering)

  if (paths.length === 0) return human('unclear', 'no changed file is named')
  const [first] = unclear
  if (first !== undefined) {
    const matched = unclear.map((one) => one.path)
    return human('unclear', `cannot tell which file is meant by ${list(matched)}: ${first.unclear}`, matched)
  }

  const denylist = [...new Set(policy.denylist.flatMap((glob) => [glob.toLowerCase(), fold(glob)]))]
  const listed = clear.filter((one) => one.folded.some((path) => denylist.some((glob) => fitsGlob(glob, path))))
  if (listed.length > 0) {
    const matched = listed.map((one) => one.path)
    return human('denylist', `on the denylist: ${list(matched)}`, matched)
  }

  if (risks.length > 0) {
    const matched = paths.filter((path) => (byPath.get(path) ?? []).length > 0)
    return human('risk', `${risks.map(riskText).join(', ')}: ${list(matched)}`, matched)
  }

  // Written so that a number that is none goes to a human.
  if (!(paths.length <= policy.maxFiles))
    return human('max_files', `${paths.length} files, at most ${policy.maxFiles} without a human`, paths)
  if (policy.maxLines !== undefined && !(question.lines !== undefined && question.lines <= policy.maxLines)) {
    const lines = question.lines === undefined ? 'nobody counted the lines' : `${question.lines} lines`
    return human('max_lines', `${lines}, at most ${policy.maxLines} without a human`)
  }
  const { attempts = 0, maxAttempts = 3 } = question
  if (!(attempts < maxAttempts))
    return human('attempts', `tried ${attempts} times without success, at most ${maxAttempts} without a human`)

  if (question.action !== 'commit') {
    const outside = paths.filter((path) => !policy.autoMergeAllowlist.some((glob) => fitsGlob(glob, path)))
    if (outside.length > 0) {
      const why = policy.autoMergeAllowlist.length === 0 ? 'nothing is merged without a human' : 'not on the allowlist'
      return human('allowlist', `${why}: ${list(outside)}`, outside)
    }
    return rule('allow', 'ok', 'safe, and all on the allowlist', paths)
  }
  return rule('allow', 'ok', 'safe: nothing of it is protected, denied or too large', [])
}

const texts: Readonly<Record<RiskClass, string>> = {
  security: 'security',
  payments: 'payments or personal data',
  infrastructure: 'infrastructure',
  dependencies: 'dependencies',
}

function riskText(risk: RiskClass): string {
  return texts[risk]
}

function fold(text: string): string {
  return text
    .replace(/^(?:\.\/)+/, '')
    .toUpperCase()
    .toLowerCase()
}

function list(paths: readonly string[]): string {
  const quoted = paths
    .slice(0, shown)
    .map((path) => (/^[\w./@-]{1,120}$/.test(path) ? path : JSON.stringify(path.slice(0, 120))))
  return `${quoted.join(', ')}${paths.length > shown ? ` and ${paths.length - shown} more` : ''}`
}
