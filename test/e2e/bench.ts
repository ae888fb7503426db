import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { CustomAgent } from '../../src/agents/registry.ts'
import { type ScriptedOptions, scripted } from '../../src/agents/scripted/scripted.ts'
import type { App } from '../../src/app.ts'
import { type OpenOptions, openApp } from '../../src/compose.ts'
import type { RunRecord } from '../../src/core/ports.ts'
import type { GoalInput } from '../../src/core/spec/goal.ts'
import { parseGoal } from '../../src/core/spec/loop.ts'
import type { GoalResult } from '../../src/loops/goal/history.ts'
import type { EngineJob } from '../fixtures/engine-process.ts'
import { makeRepo, scratch, write } from '../fixtures/repo.ts'

/** A project and a state directory, and apps on them; all of it goes when the scope ends. */
export async function bench(
  options: { readonly files?: Readonly<Record<string, string>>; readonly git?: boolean } = {},
) {
  const place = scratch()
  const project = join(place.path, 'project')
  const home = join(place.path, 'home')
  const files = options.files ?? { 'a.txt': 'one\n' }
  if (options.git === false) {
    mkdirSync(project)
    write(project, files)
  } else makeRepo(project, files)
  const apps: App[] = []
  const warnings: string[] = []

  /** Opens the app with a scripted agent named `fake`. */
  const open = async (
    agent: ScriptedOptions = {},
    more: { readonly agents?: Readonly<Record<string, CustomAgent>>; readonly home?: string } & Pick<
      OpenOptions,
      'loops' | 'limits' | 'lockPatienceMs'
    > = {},
  ): Promise<App> => {
    const { agents, home: other, ...rest } = more
    const app = await openApp({
      cwd: project,
      env: { PATH: process.env.PATH, HOME: place.path, LOOPWRIGHT_HOME: other ?? home },
      agents: { fake: scripted({ name: 'fake', acceptOnIteration: 1, ...agent }), ...agents },
      warn: (message) => warnings.push(message),
      ...rest,
    })
    apps.push(app)
    return app
  }
  const isolation = options.git === false ? { isolation: 'inplace' as const } : {}
  const spec = (more: Partial<GoalInput> = {}) =>
    parseGoal({ goal: 'win', criteria: ['it is won'], agent: 'fake', ...isolation, ...more })
  const start = async (app: App, more: Partial<GoalInput> = {}, id?: string): Promise<RunRecord> =>
    await app.start({ spec: spec(more), ...(id === undefined ? {} : { id }) })
  const job = (id: string, more: Partial<GoalInput>, agents: EngineJob['agents'] = {}): EngineJob => ({
    home,
    project,
    id,
    spec: spec(more),
    agents,
  })
  return {
    path: place.path,
    project,
    home,
    warnings,
    open,
    spec,
    start,
    job,
    async [Symbol.asyncDispose]() {
      for (const app of apps) await app.close()
      place[Symbol.dispose]()
    },
  }
}

/** What the goal loop returned or reported. */
export function resultOf(run: RunRecord): GoalResult {
  return run.result as unknown as GoalResult
}

/** A promise and the function that resolves it. */
export function signal<T = void>(): { readonly given: Promise<T>; readonly give: (value: T) => void } {
  let give: (value: T) => void = () => {}
  const given = new Promise<T>((resolve) => {
    give = resolve
  })
  return { given, give }
}
