import { pad } from '../../../core/plain.ts'
import { parseCadence } from '../../../core/triage/cadence.ts'
import { type CostEstimate, type CostQuestion, estimateCost, parseOrchestration } from '../../../core/triage/cost.ts'
import { withCommas } from '../../../core/triage/text.ts'
import { type Io, print, styleOf } from '../io.ts'
import { wrong } from '../problem.ts'
import { withApp } from '../session.ts'
import { levelOf } from './triage.ts'

export interface CostFlags {
  readonly cadence?: string
  readonly level?: string
  readonly orchestration?: string
  readonly conservative?: boolean
  readonly withCaching?: boolean
  readonly model?: string
  readonly list?: boolean
  readonly json?: boolean
}

/** `loopwright cost`: what a pattern spends a day, as far as can be said before. */
export async function cost(io: Io, id: string | undefined, flags: CostFlags): Promise<number> {
  if (id !== undefined && flags.list) wrong('--list shows all patterns, so name none')
  const level = levelOf(flags.level)
  const cadence = flags.cadence === undefined ? undefined : parseCadence(flags.cadence)
  const orchestration = flags.orchestration === undefined ? undefined : parseOrchestration(flags.orchestration)
  return await withApp(io, async (app) => {
    const model = flags.model ?? app.config.model
    const { timezone } = app.config.triage
    const common: Omit<CostQuestion, 'pattern'> = {
      ...{ conservative: flags.conservative === true, caching: flags.withCaching === true },
      ...(cadence === undefined ? {} : { cadence }),
      ...(orchestration === undefined ? {} : { orchestration }),
      ...(model === undefined ? {} : { model }),
      ...(timezone === undefined ? {} : { timeZone: timezone }),
      ...(app.config.prices === undefined ? {} : { prices: app.config.prices }),
    }
    const ids = id === undefined ? (await app.triage.patterns()).map((one) => one.id) : [id]
    const estimates: CostEstimate[] = []
    for (const one of ids) {
      const plan = await app.triage.plan(one, level)
      estimates.push(estimateCost({ ...common, pattern: plan.pattern, level: plan.level }))
    }
    const [first] = estimates
    if (flags.json) print(io, JSON.stringify(id === undefined ? estimates : first))
    else if (id === undefined || first === undefined) printTable(io, estimates)
    else print(io, costText(first))
    return 0
  })
}

function printTable(io: Io, estimates: readonly CostEstimate[]): void {
  const style = styleOf(io.env, io.stdout)
  const width = Math.max(7, ...estimates.map(({ pattern }) => pattern.length))
  for (const one of estimates) {
    const share =
      one.shareOfCap === null ? 'no cap' : `${Math.round(one.shareOfCap * 100)} % of ${withCommas(one.dailyCap)}`
    const usd = one.usdPerDay === null ? '' : `  $${one.usdPerDay.toFixed(2)}/day`
    const facts = `${one.level}  ${pad(one.cadence, 12)} ${pad(`${withCommas(one.tokensPerDay)} tokens/day`, 22)}`
    print(io, `${style.bold(pad(one.pattern, width))}  ${facts} ${one.overCap ? style.red(share) : share}${usd}`)
  }
}

function costText(one: CostEstimate): string {
  const row = (name: string, text: string) => `  ${pad(name, 14)} ${text}`
  const share = (value: number) => `${Math.round(value * 100)} %`
  const { noop, report, action } = one.mix
  return [
    `${one.pattern} [${one.level}]`,
    row('cadence', `${one.cadence}, ${one.ticksPerDay} ticks a day`),
    row('ticks', `${share(noop)} find nothing, ${share(report)} report, ${share(action)} act`),
    row('acting', `${one.orchestration}, ${one.actionFactor} × one agent`),
    row('tokens', `${withCommas(one.tokensPerTick)} a tick, ${withCommas(one.tokensPerDay)} a day`),
    ...(one.billedTokensPerDay === one.tokensPerDay
      ? []
      : [row('with caching', `priced as ${withCommas(one.billedTokensPerDay)} tokens a day`)]),
    ...(one.usdPerDay === null || one.usdPerMonth === null
      ? []
      : [row('dollars', `${one.usdPerDay.toFixed(2)} a day, ${one.usdPerMonth.toFixed(2)} in 30 days`)]),
    row(
      'daily cap',
      one.shareOfCap === null ? 'none' : `${withCommas(one.dailyCap)} tokens, ${share(one.shareOfCap)} of it`,
    ),
    ...one.notes.map((text) => row('note', text)),
  ].join('\n')
}
