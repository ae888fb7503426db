import { appendFile, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { App } from '../../app.ts'
import { readOptional } from '../../config/paths.ts'
import { LoopwrightError } from '../../core/errors.ts'
import { type Level, levels } from '../../core/triage/level.ts'
import { type Promotion, type PromotionFacts, weighPromotion } from '../../core/triage/promotion.ts'
import { parseYaml } from '../../formats/yaml.ts'
import { writeAtomic } from '../../workspace/files.ts'
import { gatePlaces } from './project.ts'

/** Weighs whether a pattern has earned a level, by default the next one. Rejects with `not_found` for a pattern nobody knows. */
export async function weigh(app: App, id: string, to?: Level): Promise<Promotion> {
  const { level } = await app.triage.plan(id)
  const next = levels[Math.min(levels.indexOf(level) + 1, levels.length - 1)] ?? level
  return weighPromotion({
    ...{ pattern: id, from: level, to: to ?? next },
    ticks: await app.triage.history(id),
    facts: await factsOf(app),
  })
}

/**
 * Writes a level into the project's registry, and what led to it into `.loopwright/promotions.jsonl`; answers the registry's path.
 * Rejects with `conflict` where the level is not earned and no reason is given, and where a registry does not decide it.
 *
 * @param reason why it is done though it is not earned
 * @param at ISO 8601
 */
export async function applyPromotion(
  app: App,
  promotion: Promotion,
  how: { readonly reason?: string | undefined; readonly at: string },
): Promise<string> {
  const { pattern, from, to, earned, evidence } = promotion
  if (!earned && how.reason === undefined) {
    throw new LoopwrightError('conflict', `${pattern} has not earned ${to}`, {
      hint: 'wait for more evidence, or say why it is done all the same: --force --reason "…"',
    })
  }
  if (app.config.triage.level !== undefined) {
    throw new LoopwrightError(
      'conflict',
      `triage: { level: ${app.config.triage.level} } in the configuration decides for all patterns`,
      {
        hint: 'loopwright config says where it stands; change it there, or take it out',
      },
    )
  }
  const { origin } = await app.triage.pattern(pattern)
  if (origin === undefined) {
    throw new LoopwrightError('conflict', `${pattern} is in no registry of this project`, {
      hint: `loopwright init --kind triage --pattern ${pattern} writes one; or give --level ${to}`,
    })
  }
  const project = app.config.project
  const text = await readOptional(origin, project)
  if (text === undefined) throw new LoopwrightError('not_found', `${origin} is gone`)
  const changed = withLevel(text, origin, pattern, to)
  const folder = join(project, '.loopwright')
  await mkdir(folder, { recursive: true })
  const record = { at: how.at, pattern, from, to, earned, ...(earned ? {} : { reason: how.reason }), evidence }
  // The record first: a level that nobody can explain is worse than a record of one that was not set.
  await appendFile(join(folder, 'promotions.jsonl'), `${JSON.stringify(record)}\n`)
  if (changed !== text) await writeAtomic(origin, changed)
  return origin
}

/** The registry with another level for a pattern, and every other byte as it was. */
function withLevel(text: string, path: string, id: string, level: Level): string {
  const parsed = parseYaml(text, path)
  const list: unknown =
    typeof parsed.value === 'object' && parsed.value !== null && 'patterns' in parsed.value
      ? parsed.value.patterns
      : undefined
  const at = Array.isArray(list)
    ? list.findIndex((one: unknown) => typeof one === 'object' && one !== null && 'id' in one && one.id === id)
    : -1
  const span = at < 0 ? undefined : parsed.span(['patterns', at, 'week_one_mode'])
  if (span === undefined) {
    throw new LoopwrightError('bad_input', `${path}: there is no week_one_mode of ${id}`, {
      hint: `write week_one_mode: ${level} there`,
    })
  }
  return text.slice(0, span[0]) + level + text.slice(span[0]).slice(literalLength(text.slice(...span)))
}

/** How much of a value's span is the value itself: a span may reach over what follows. */
function literalLength(text: string): number {
  return /^(?:"[^"]*"|'[^']*'|[^\s#,}\]]+)/.exec(text)?.[0].length ?? text.length
}

async function factsOf(app: App): Promise<PromotionFacts> {
  const project = app.config.project
  const has = async (...paths: string[]) => {
    for (const path of paths) if ((await readOptional(join(project, path), project)) !== undefined) return true
    return false
  }
  return {
    gateFile: await has(...gatePlaces),
    constraints: await has('loop-constraints.md'),
    checks: (app.config.triage.verify ?? []).length > 0,
    sandbox: (await app.sandbox()).sandbox !== undefined,
  }
}
