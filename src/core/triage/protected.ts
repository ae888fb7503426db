/** What a change of a protected file comes to: nobody may, or a human decides. */
export type Protection = 'deny' | 'escalate'

const set = (text: string): ReadonlySet<string> => new Set(text.trim().split(/\s+/))

/**
 * What the engine writes, and what says what it may do. An agent has no business there, so its change is refused outright:
 * a record that the one it is about can rewrite proves nothing.
 */
const records = set('gate.yaml gate.yml state.md loop-run-log.md loop-ledger.json')
const recordFolders = set('.git .loop-context')

/** Files that steer loops, agents, reviews or the machines of those who check out: in any folder. */
const steering = set(`
  registry.yaml registry.yml registry.json loop.md loop-budget.md loop-constraints.md loop.yaml loop.yml
  agents.md agents.override.md agent.md claude.md claude.local.md gemini.md codex.md copilot-instructions.md skill.md .mcp.json
  mcp.json .cursorrules .windsurfrules .clinerules .goosehints .rules .aider.conf.yml .aiderignore opencode.json opencode.jsonc
  crush.json .crush.json openloop.json codeowners action.yml action.yaml .gitattributes .gitconfig .envrc .pre-commit-config.yaml
  lefthook.yml lefthook.yaml .lefthook.yml .huskyrc .mailmap`)
const steeringFolders = set(`
  .loopwright .claude .claude-plugin .codex .gemini .cursor .windsurf .opencode .openclaw .grok .copilot .pi .agents .agent .aider .roo
  .cline .clinerules .continue .goose .kiro .amp .augment .junie .qwen .crush .husky .githooks .vscode .idea .devcontainer`)

/** How a file is protected, whatever the policy says. @param names folders and file name, folded @param own further records */
export function protectionOf(names: readonly string[], own: ReadonlySet<string>): Protection | undefined {
  const file = names.at(-1) ?? ''
  const folders = names.slice(0, -1)
  const path = names.join('/')
  if (own.has(path)) return 'deny'
  if (names.some((name) => recordFolders.has(name))) return 'deny'
  if (names[0] === '.loopwright' && (names.length === 1 || names[1] === 'runs' || records.has(file))) return 'deny'
  if (records.has(file)) return folders.length === 0 ? 'deny' : 'escalate'
  if (steering.has(file) || names.some((name) => steeringFolders.has(name))) return 'escalate'
  if (names[0] === 'patterns' && names.length > 1) return 'escalate'
  // Workflows and actions, and what other software of the forge reads.
  if (names[0] === '.github' && !/^(?:issue_template|pull_request_template|funding\.yml)/.test(names[1] ?? ''))
    return 'escalate'
  return undefined
}
