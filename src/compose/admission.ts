import { resolve } from 'node:path'
import type { App, StartLoop } from '../app.ts'
import { requireTrust, trust, trustState } from '../config/trust.ts'
import { type Config, isInside, type SourceFile } from '../config.ts'
import type { Agent } from '../core/ports.ts'
import { type RunSettings, settingsOf } from '../core/settings.ts'
import { type LoopSpec, usesAgents } from '../core/spec/loop.ts'
import { rolesOf } from '../core/spec/repair.ts'
import type { Git } from '../workspace/git.ts'
import { type ProjectFilesQuery, projectFiles } from '../workspace/project-files.ts'
import type { AgentShop } from './agents.ts'
import type { Confiner } from './confine.ts'

export interface AdmissionOptions {
  readonly config: Config
  /** The directory a run is about, unless it says otherwise; absolute. */
  readonly cwd: string
  readonly git: Git
  readonly agents: AgentShop
  readonly confiner: Confiner
}

/** Says which runs may start here: what they would run is trusted, their agents exist, and can be confined as they have to be. */
export class Admission {
  readonly trust: App['trust']
  readonly #options: AdmissionOptions

  constructor(options: AdmissionOptions) {
    this.#options = options
    const { home, project } = options.config
    this.trust = {
      state: (files) => trustState({ home, project, files }),
      give: (files) => trust({ home, project, files }),
      filesOf: (request) => this.#filesOf(request),
      filesForAgents: (where) => this.#filesForAgents(where),
    }
  }

  /**
   * Says now, not in the first step, that something is not trusted, an agent does not exist or cannot be confined. Answers the run's
   * agent; a repair of commands alone has none. Rejects with `untrusted`, `bad_input`, `missing_tool`.
   */
  async admit(request: StartLoop): Promise<Agent | undefined> {
    const { config, agents, confiner } = this.#options
    const { spec } = request
    const { home, project } = config
    await requireTrust({ home, project, files: await this.#filesOf(request) })
    const settings = settingsOf({ kind: spec.kind, spec })
    const own = usesAgents(spec) ? agents.get(settings) : undefined
    const others = namesOf(spec, config.fallback).map((name) => agents.get(settings, name))
    await confiner.demand(settings, own === undefined ? others : [own, ...others])
    return own
  }

  /** Asks once more when an agent is about to start: by then a loop of one's own has named it, and in place files may have changed. */
  async admitAgent(name: string, settings: RunSettings, project: string): Promise<void> {
    const { config, agents } = this.#options
    const files = agents.isOfProject([name]) && config.projectFile ? [config.projectFile] : []
    const ofAgent = await this.#filesForThem({
      project,
      isolation: settings.isolation ?? 'worktree',
      base: settings.base,
      copied: settings.workspace?.copy ?? [],
      names: agents.projectFiles([name, ...agents.namesIn(settings.agentCommand)]),
    })
    await requireTrust({ home: config.home, project: config.project, files: [...files, ...ofAgent] })
  }

  /** What of a project's own files can run commands in this run: nothing of it runs before its owner said so. */
  async #filesOf({ spec, source, project = this.#options.cwd }: StartLoop): Promise<SourceFile[]> {
    const { config, agents } = this.#options
    const own = usesAgents(spec) && spec.agentCommand === undefined ? [spec.agent ?? config.agent] : []
    const names = [...own, ...namesOf(spec, config.fallback)]
    const files: SourceFile[] = []
    if (config.projectFile && agents.isOfProject(names)) files.push(config.projectFile)
    if (source && isInside(config.project, source.path)) files.push(source)
    const ofAgents = await this.#filesForThem({
      project: resolve(project),
      isolation: spec.isolation,
      base: spec.base,
      copied: spec.workspace.copy,
      names: agents.projectFiles([...names, ...agents.namesIn(spec.agentCommand)]),
    })
    return [...files, ...ofAgents]
  }

  async #filesForAgents(where: Parameters<App['trust']['filesForAgents']>[0] = {}): Promise<SourceFile[]> {
    const { config, cwd, agents } = this.#options
    const { base, isolation = config.isolation } = where
    return await this.#filesForThem({ project: cwd, isolation, base, copied: 'any', names: agents.projectFiles() })
  }

  async #filesForThem(query: Omit<ProjectFilesQuery, 'base'> & { base: string | undefined }): Promise<SourceFile[]> {
    const { base, ...rest } = query
    if (query.names.length === 0) return []
    return await projectFiles(this.#options.git, { ...rest, ...(base === undefined ? {} : { base }) })
  }
}

/** The agents a run may call besides its own. */
function namesOf(spec: LoopSpec, fallback: string | undefined): string[] {
  const own: RunSettings['roles'] = spec.kind === 'repair' ? rolesOf(spec) : spec.roles
  const roles = Object.values(own ?? {}).flatMap((role) => [role?.agent, role?.fallback])
  const attempts = spec.kind === 'goal' ? (spec.attemptAgents ?? []) : []
  const named = [...roles, ...attempts, spec.fallback ?? fallback]
  return [...new Set(named.filter((name) => name !== undefined))]
}
