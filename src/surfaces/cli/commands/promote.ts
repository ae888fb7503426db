import { requirePerson } from '../../../compose/person.ts'
import { applyPromotion, weigh } from '../../../compose/triage/promote.ts'
import { oneLine } from '../../../core/plain.ts'
import { type Io, note, print, styleOf } from '../io.ts'
import { wrong } from '../problem.ts'
import { withApp } from '../session.ts'
import { levelOf } from './triage.ts'

export interface PromoteFlags {
  readonly to?: string
  readonly apply?: boolean
  readonly force?: boolean
  readonly reason?: string
  readonly json?: boolean
}

/** `loopwright promote`: exit code 0 earned (or applied), 1 not earned. */
export async function promote(io: Io, id: string, flags: PromoteFlags): Promise<number> {
  const to = levelOf(flags.to)
  const reason = flags.reason?.trim()
  if (flags.force && (reason === undefined || reason === ''))
    wrong('--force needs a reason', 'add --reason "…": it is recorded')
  if (flags.reason !== undefined && !flags.force) wrong('--reason goes with --force')
  if (flags.force && !flags.apply) wrong('--force goes with --apply')
  return await withApp(io, async (app) => {
    if (flags.apply) requirePerson(app.config, 'raise a level')
    const promotion = await weigh(app, id, to)
    const { earned, evidence } = promotion
    const applied =
      flags.apply && (earned || flags.force)
        ? await applyPromotion(app, promotion, { at: new Date().toISOString(), reason })
        : undefined
    if (flags.json) print(io, JSON.stringify({ ...promotion, applied: applied ?? null }))
    else {
      const style = styleOf(io.env, io.stdout)
      print(io, `${promotion.pattern}: ${promotion.from} → ${promotion.to}, ${earned ? 'earned' : 'not earned yet'}`)
      for (const { ok, text, hint } of evidence) {
        const mark = ok ? style.green('✓') : style.yellow('✗')
        print(io, `  ${mark} ${oneLine(text, 200)}${hint === undefined ? '' : style.dim(`  (${hint})`)}`)
      }
      if (applied !== undefined) print(io, `week_one_mode: ${promotion.to} in ${applied}`)
      else if (earned && !flags.apply) note(io, `loopwright promote ${id} --to ${promotion.to} --apply writes it`)
    }
    return earned || applied !== undefined ? 0 : 1
  })
}
