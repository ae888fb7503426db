import { parseTriage } from '../core/spec/loop.ts'
import type { TriageSpec } from '../core/spec/triage.ts'
import type { TickResult } from '../core/triage/tick.ts'
import type { LoopDefinition } from '../engine/define.ts'
import { Tick } from './triage/tick.ts'

/**
 * One tick of the triage loop; a cadence wakes it again and again:
 *
 *     discover → triage ─ noop, report ────────────────────────────────────────────→ record
 *                  └ act → implement → verify → gate ─ allow → commit, propose, merge ↗
 *                                        │        └── escalate → record → a human ──↗
 *                                        └ reject → discard ──────────────────────────↗
 */
export const triage: LoopDefinition<TriageSpec, TickResult> = {
  name: 'triage',
  kind: 'triage',
  version: '1',
  parse: parseTriage,
  async run(loop, spec) {
    const tick = new Tick(loop, spec)
    await tick.discover()
    if (tick.open) await tick.triage()
    if (tick.acting) await tick.implement()
    if (tick.acting) await tick.verify()
    if (tick.acting) await tick.gate()
    if (tick.allowed) await tick.deliver()
    const result = await tick.record()
    return tick.escalated ? await tick.askHuman(result) : result
  },
}
