import type { Config } from '../../config.ts'
import type { Clock, Confine, RunCommand, RunRecord, Store, Workspace } from '../../core/ports.ts'
import type { TriageSpec } from '../../core/spec/triage.ts'
import type { Notice, TickDesk } from '../../core/triage/ports.ts'
import type { Git } from '../../workspace/git.ts'
import type { RunWork } from '../work.ts'
import { tickDesk } from './desk.ts'
import { tickFiles } from './files.ts'
import { lookerOf } from './look.ts'
import { proposer } from './propose.ts'
import { reviser } from './revise.ts'

export interface DeskWiring {
  readonly config: Config
  readonly env: Readonly<Record<string, string>>
  readonly store: Store
  readonly clock: Clock
  readonly git: Git
  readonly work: RunWork
  readonly runCommand: RunCommand
  readonly confine: Confine | undefined
  readonly warn: (message: string) => void
  readonly tell: (notice: Notice) => void
}

/** The desk of a run that is a tick; undefined for any other. */
export function deskOf(
  base: Omit<DeskWiring, 'confine'>,
  run: RunRecord,
  workspace: () => Promise<Workspace>,
  confine: Confine | undefined,
): TickDesk | undefined {
  if (run.kind !== 'triage') return undefined
  const spec = run.spec as unknown as TriageSpec
  const wiring = { ...base, confine }
  const { store, clock, work, tell } = wiring
  return tickDesk({
    run,
    spec,
    store,
    clock,
    workspace,
    tell,
    files: tickFiles({ spec, home: wiring.config.home, clock, warn: wiring.warn }),
    openBranches: async () => {
      const args = ['for-each-ref', '--no-merged=HEAD', '--format=%(refname:short)', 'refs/heads/loopwright/']
      const { code, stdout } = await wiring.git.user({ cwd: spec.root }, args, { ok: [0, 128, 129] })
      return new Set(
        code === 0
          ? stdout
              .toString()
              .split('\n')
              .filter((name) => name !== '')
          : [],
      )
    },
    look: lookerOf(wiring, spec, workspace),
    propose: proposer(wiring, spec, workspace),
    reviews: reviser(wiring, spec),
    merge: async () => {
      const done = await work.merge(run)
      return done.merged ? { merged: true } : { merged: false, reason: done.reason }
    },
  })
}
