import { checkRunner } from '../../checks/command.ts'
import { messageOf } from '../../core/errors.ts'
import { oneLine } from '../../core/plain.ts'
import type { CommandOptions, Workspace } from '../../core/ports.ts'
import type { TriageSpec } from '../../core/spec/triage.ts'
import type { Discovery, Skipped } from '../../core/triage/finding.ts'
import type { SourceName } from '../../core/triage/pattern.ts'
import type { Source } from '../../core/triage/ports.ts'
import { auditSource } from '../../sources/audit.ts'
import { checksSource } from '../../sources/checks.ts'
import { ciSource, type ForgeOrWhy, issuesSource, pullsSource } from '../../sources/forge.ts'
import { gitSource } from '../../sources/git.ts'
import type { OpenView } from '../../sources/look.ts'
import { todoSource } from '../../sources/todo.ts'
import { viewRepository } from '../../workspace/reader.ts'
import { connectorsOf } from './connect.ts'
import { ledgerName, runLogName } from './files.ts'
import { forgeOf } from './forge.ts'
import { pastTicks } from './memory.ts'
import { emptiedAllButPlain, emptiedTokens, withoutTokens } from './tokens.ts'
import type { DeskWiring } from './wiring.ts'

/** How far back the first tick looks, in milliseconds. */
const firstLookMs = 7 * 24 * 60 * 60 * 1000
/** The label of an issue or pull request that pauses every loop. */
const pauseLabel = 'loop-pause-all'
const atForge: readonly SourceName[] = ['issues', 'pulls', 'ci']

/** Asks the sources of a pattern what they see. Commands run in a fresh copy of the base, which is thrown away. */
export function lookerOf(
  wiring: DeskWiring,
  spec: TriageSpec,
  workspace: () => Promise<Workspace>,
): (signal: AbortSignal) => Promise<Discovery> {
  const { git, config, store, clock, confine } = wiring
  const { root, pattern, verify } = spec
  const runCommand = withoutTokens(wiring.runCommand, emptiedTokens(wiring.env, config.connectorVariables))
  const view: OpenView = (use) => viewRepository({ git, home: config.home, project: root }, use)

  return async (signal) => {
    const wanted = pattern.sources.filter((name) => name !== 'checks' || verify.length > 0)
    const found = await forgeOf(wiring, root, signal).catch((error) => ({ why: messageOf(error) }))
    const forge: ForgeOrWhy = 'forge' in found ? { forge: found.forge } : { why: found.why }
    const pausedBy = `the label ${pauseLabel} is set`
    const paused = await labelled(forge)
    if (paused === true) return { findings: [], skipped: [], pausedBy }
    const runs = wanted.includes('checks') || wanted.includes('audit')
    const place = runs ? await placeOf() : undefined
    const [last] = await pastTicks(store, root, pattern.id, clock.now())
    const since = last === undefined ? clock.now() - firstLookMs : Date.parse(last.result.startedAt)

    const sources: Readonly<Record<SourceName, () => Source>> = {
      git: () => gitSource({ view, since, ignored: [pattern.state, runLogName, ledgerName] }),
      todo: () => todoSource({ view }),
      checks: () => checksSource({ checks: verify, run: checkRunner(runCommand), options: place ?? { cwd: root } }),
      audit: () =>
        auditSource({
          run: withoutTokens(wiring.runCommand, emptiedAllButPlain(wiring.env)),
          options: place ?? { cwd: root },
        }),
      issues: () => issuesSource(forge),
      pulls: () => pullsSource(forge, { clock }),
      ci: () => ciSource(forge),
    }
    try {
      const asked = [
        ...wanted.map((name) => ({ name, source: sources[name](), connector: undefined })),
        ...connectorsOf(config, wiring.env, pattern),
      ]
      const seen = await Promise.all(
        asked.map(async ({ name, source, connector }) => ({ name, connector, look: await source.look({ signal }) })),
      )
      const findings = seen.flatMap(({ look }) => ('findings' in look ? look.findings : []))
      const skipped: Skipped[] = seen.flatMap(({ name, connector, look }) =>
        'why' in look ? [{ source: name, why: look.why, ...(connector === undefined ? {} : { connector }) }] : [],
      )
      if (typeof paused === 'object') skipped.unshift({ source: 'issues', why: paused.unknown })
      // A tracker that a connector reaches has labels too.
      const stop = findings.some(({ labels = [] }) => labels.includes(pauseLabel))
      return { findings, skipped: folded(skipped), ...(stop ? { pausedBy } : {}) }
    } finally {
      if (place !== undefined) await (await workspace()).drop('look')
    }
  }

  async function placeOf(): Promise<Omit<CommandOptions, 'signal'>> {
    const fork = await (await workspace()).fork('look')
    const confinement = await confine?.(fork)
    return { cwd: fork.path, ...(confinement === undefined ? {} : { confinement }) }
  }
}

/** Whether somebody put the pausing label on an open issue or pull request, whatever the pattern looks at; or why that is not known. */
async function labelled(place: ForgeOrWhy): Promise<boolean | { readonly unknown: string }> {
  if ('why' in place) return false
  return await place.forge.labelled(pauseLabel).catch((error) => ({ unknown: oneLine(messageOf(error), 300) }))
}

/** Sources at the forge that fail for one reason say so once. */
function folded(skipped: Discovery['skipped']): Discovery['skipped'] {
  const known = new Set<string>()
  return skipped.filter(({ source, why }) => {
    if (!atForge.includes(source)) return true
    if (known.has(why)) return false
    known.add(why)
    return true
  })
}
