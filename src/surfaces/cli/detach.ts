import type { App } from '../../app.ts'
import { driveBehind } from '../../compose/behind.ts'
import type { RunRecord } from '../../core/ports.ts'
import { type Io, print } from './io.ts'

/** Drives a run in a process of its own, which outlives this one and its terminal, and says how to follow it. */
export async function detach(app: App, io: Io, run: RunRecord, options: { readonly json: boolean }): Promise<number> {
  const facts = await driveBehind(app, io.env, run)
  if (options.json) print(io, JSON.stringify(facts))
  else
    print(
      io,
      `${run.id}\nfolder   ${facts.run_dir}\nfollow   ${facts.tail_command}\nresult   loopwright result --wait ${run.id}`,
    )
  return 0
}
