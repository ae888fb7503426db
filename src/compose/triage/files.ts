import { join } from 'node:path'
import { readOptional } from '../../config/paths.ts'
import type { Clock } from '../../core/ports.ts'
import type { TriageSpec } from '../../core/spec/triage.ts'
import type { TickFiles } from './desk.ts'

/** The files of a project, as a tick of one of its patterns reads and writes them. */
export function tickFiles(spec: TriageSpec, _clock: Clock): TickFiles {
  const at = (name: string) => join(spec.root, name)
  return {
    state: async () => (await readOptional(at(spec.pattern.state), spec.root)) ?? '',
    paused: async () => undefined,
    attempts: async () => ({}),
    today: async () => ({ runs: 0, tokens: 0 }),
    decisions: async () => ({}),
    write: async () => {},
  }
}
