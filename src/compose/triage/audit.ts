import { readdir } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { readOptional } from '../../config/paths.ts'
import { LoopwrightError } from '../../core/errors.ts'
import { guessCheck } from '../../core/project.ts'
import { type Audit, type AuditSignal, scoreAudit } from '../../core/triage/audit.ts'
import { parseRegistry } from '../../formats/triage/registry.ts'
import { runLogName } from './files.ts'
import { gatePlaces, registryPlaces } from './project.ts'

const skillPlaces = [
  ...['.claude/skills', '.codex/skills', '.agents/skills', '.opencode/skills', '.gemini/skills', '.grok/skills'],
  ...['.loopwright/skills', '.cursor/skills', 'skills'],
]
const agentPlaces = [
  '.claude/agents',
  '.codex/agents',
  '.opencode/agents',
  '.github/agents',
  '.agents/agents',
  'agents',
]
const most = 200

/** Looks how ready a project is for loops. Reads only, links out of the project not. Rejects with `bad_input` where there is no directory. */
export async function auditProject(root: string): Promise<Audit> {
  const top = await readdir(root).catch(() => {
    throw new LoopwrightError('bad_input', `${root}: there is no such directory`)
  })
  const found: Partial<Record<AuditSignal, string>> = {}
  const note = (signal: AuditSignal, where: string | undefined) => {
    if (where !== undefined && found[signal] === undefined) found[signal] = where
  }
  // A file that cannot be read, or leads elsewhere, is not there for a loop either.
  const read = async (path: string) => await readOptional(join(root, path), root).catch(() => undefined)
  const has = async (...paths: string[]) => {
    for (const path of paths) if ((await read(path)) !== undefined) return path
    return undefined
  }
  const list = async (folder: string, fits: RegExp) =>
    (await readdir(join(root, folder)).catch((): string[] => []))
      .filter((name) => fits.test(name))
      .slice(0, most)
      .map((name) => `${folder}/${name}`)

  const texts = new Map<string, string>()
  for (const name of [
    'LOOP.md',
    'AGENTS.md',
    'CLAUDE.md',
    'loop-constraints.md',
    'loop-budget.md',
    'SECURITY.md',
    'docs/safety.md',
    '.loopwright/config.yaml',
  ]) {
    const text = await read(name)
    if (text !== undefined) texts.set(name, text.slice(0, 200_000))
  }
  const says = (shape: RegExp, ...names: string[]) => names.find((name) => shape.test(texts.get(name) ?? ''))
  const there = (...names: string[]) => names.find((name) => texts.has(name))
  const words = ['LOOP.md', 'loop-constraints.md', 'AGENTS.md', 'CLAUDE.md', 'loop-budget.md']

  const registryFile = await has(...registryPlaces)
  const registry = registryFile === undefined ? [] : patternsIn((await read(registryFile)) ?? '', registryFile)
  const skills = await skillsOf(root, read)
  const helpers = (await Promise.all(agentPlaces.map((place) => list(place, /\.(?:md|toml)$/)))).flat()
  const named = (shape: RegExp) => [...skills.map(({ path }) => path), ...helpers].find((path) => shape.test(path))

  note('stateFile', await has('STATE.md', ...registry.map(({ state }) => state)))
  note('loopConfig', there('LOOP.md') ?? says(/^triage\s*:/m, '.loopwright/config.yaml'))
  note('skills', skills[0]?.path)
  note('verifier', named(/verif|check(?:er|s)?[/.-]|review/i) ?? says(/^\s+verify\s*:/m, '.loopwright/config.yaml'))
  note(
    'triage',
    named(/triage/i) ??
      says(/\btriage\b/i, 'LOOP.md') ??
      (registry.some(({ id }) => id.includes('triage')) ? registryFile : undefined),
  )
  note('agentsMd', there('AGENTS.md', 'CLAUDE.md'))
  note('patterns', (await list('patterns', /\.md$/))[0] ?? (registry.length > 0 ? registryFile : undefined))
  note(
    'safety',
    says(/human gates?|denylist|never\s+(?:push|merge|touch|commit|edit|change)|\bgates?\b.*human/i, ...words) ??
      there('docs/safety.md', 'SECURITY.md'),
  )
  note('starters', (await list('starters', /./))[0] ?? (await list('.loopwright/loops', /\.ya?ml$/))[0])
  note('github', (await list('.github/workflows', /\.ya?ml$/))[0])
  note('mcp', (await has('.mcp.json', '.cursor/mcp.json', '.vscode/mcp.json')) ?? says(/^#+\s*connectors/im, 'LOOP.md'))
  note('constraints', there('loop-constraints.md'))
  note('worktreeEvidence', says(/\bworktrees?\b/i, ...words) ?? (await list('.git/refs/heads/loopwright', /./))[0])
  note('registry', registry.length > 0 ? registryFile : undefined)
  note('cost.budgetDoc', there('loop-budget.md'))
  note('cost.runLog', await has(runLogName))
  note('cost.loopMdBudget', says(/^#+\s*budget/im, 'LOOP.md'))
  note('cost.budgetSkill', named(/budget|cost/i))
  note('governance.toolScope', await toolScope(has, skills))
  note(
    'governance.stallDetection',
    says(
      /\bstall|stagnat|no[- ]progress|max(?:imum)?\W{1,3}(?:\d+|of \d+)?\s{0,3}attempts|\d+\s+(?:failed\s+)?attempts/i,
      ...words,
    ),
  )
  note('governance.escalation', says(/escalat|human (?:gate|decision|review)|ask a (?:human|person)/i, ...words))
  note('governance.gateYaml', await has(...gatePlaces))
  note('loopActivity', /^\s*\{.*"run_id"/m.test((await read('loop-run-log.md')) ?? '') ? 'loop-run-log.md' : undefined)
  note('harness', guessCheck(top, scriptsOf((await read('package.json')) ?? '{}')))
  return scoreAudit(found)
}

interface Skill {
  readonly path: string
  readonly text: string
}

async function skillsOf(root: string, read: (path: string) => Promise<string | undefined>): Promise<Skill[]> {
  const found: Skill[] = []
  for (const place of skillPlaces) {
    const entries = await readdir(join(root, place)).catch((): string[] => [])
    for (const name of entries.slice(0, most)) {
      const path = relative(root, join(root, place, name, 'SKILL.md'))
      const text = await read(path)
      if (text !== undefined) found.push({ path, text })
    }
  }
  return found
}

async function toolScope(
  has: (...paths: string[]) => Promise<string | undefined>,
  skills: readonly Skill[],
): Promise<string | undefined> {
  const scoped = skills.find(({ text }) => /^(?:allowed-)?tools\s*:/im.test(text.slice(0, 4000)))
  return scoped?.path ?? (await has('.claude/settings.json', '.codex/config.toml', 'opencode.json'))
}

/** A registry that cannot be read is none. */
function patternsIn(text: string, path: string): readonly { readonly id: string; readonly state: string }[] {
  try {
    return parseRegistry(text, path)
  } catch {
    return []
  }
}

function scriptsOf(text: string): Record<string, unknown> {
  try {
    const parsed: unknown = JSON.parse(text)
    const scripts = typeof parsed === 'object' && parsed !== null && 'scripts' in parsed ? parsed.scripts : undefined
    return typeof scripts === 'object' && scripts !== null ? { ...scripts } : {}
  } catch {
    return {}
  }
}
