import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { acpProgram, knownAcpAgent } from '../../src/agents/acp/known.ts'
import type { AgentDelta } from '../../src/core/ports.ts'
import { decomposerRole, reviewerRole, workerRole } from '../../src/loops/goal/roles.ts'
import { confined } from '../../src/process/sandbox/confined.ts'
import { findSandbox } from '../../src/process/sandbox/find.ts'
import { supervise } from '../../src/process/supervise.ts'
import { openSqliteStore } from '../../src/store/sqlite.ts'
import { until } from '../fixtures/engine.ts'
import { git, hashes, write } from '../fixtures/repo.ts'
import { claudeCodeCase } from './claude-code.case.ts'
import { codexCase } from './codex.case.ts'
import { copilotCase } from './copilot.case.ts'
import type { AgentCase } from './describe.ts'
import { geminiCase } from './gemini.case.ts'
import { grokCase } from './grok.case.ts'
import { installed, installMs } from './install.ts'
import type { Asked, Behaviour, Body } from './model/script.ts'
import { opencodeCase } from './opencode.case.ts'
import { piCase } from './pi.case.ts'
import { makeScene, type Scene } from './scene.ts'

const state = await findSandbox('auto', { PATH: process.env.PATH ?? '' })
const why = state.sandbox?.name === 'bwrap' ? undefined : (state.problem ?? 'bubblewrap is not what confines here')

/** How each agent starts a command in a shell. */
const shells: Readonly<Record<string, (command: string) => Body>> = {
  Bash: (command) => ({ command, description: 'Look around' }),
  bash: (command) => ({ command, description: 'Look around' }),
  exec_command: (cmd) => ({ cmd }),
  run_shell_command: (command) => ({ command, description: 'Look around' }),
  run_terminal_command: (command) => ({ command, description: 'Look around' }),
}

const canary = 'canary-of-a-secret'
/** What it tries to leave behind; put together inside, so that no transcript of the command holds it. */
const planted = 'planted-by-the-agent'

interface Confined {
  readonly agent: AgentCase
  /** Where its session is to be found afterwards, below its home. */
  readonly sessions: string
}

const agents: readonly Confined[] = [
  { agent: claudeCodeCase, sessions: '.claude/projects' },
  { agent: codexCase, sessions: '.codex/sessions' },
  { agent: opencodeCase, sessions: '.local/share/opencode' },
  { agent: geminiCase, sessions: '.gemini/tmp' },
  { agent: copilotCase, sessions: '.copilot/session-state' },
  { agent: grokCase, sessions: '.grok/sessions' },
  { agent: piCase, sessions: '.pi/agent/sessions' },
]

describe.skipIf(why !== undefined)(`in a sandbox${why === undefined ? '' : ` (skipped: ${why})`}`, () => {
  const scenes: Scene[] = []
  afterEach(async () => {
    for (const scene of scenes.splice(0)) await scene.close()
  })

  async function open(agent: AgentCase): Promise<Scene & { readonly userHome: string }> {
    const env = (url: string) => ({ ...agent.env(url), A_SECRET: canary })
    const scene = await makeScene({ ...agent, env }, await installed(agent.pinned), secrets(agent))
    scenes.push(scene)
    return { ...scene, userHome: join(scene.root, 'home') }
  }

  test.for(agents)(
    '$agent.preset.name works, sees no secret, and leaves nothing that its next start runs',
    {
      timeout: installMs + 120_000,
    },
    async ({ agent, sessions }) => {
      const scene = await open(agent)
      const { preset } = agent
      linkSettings(scene.userHome, agent)
      // Some agents refuse commands that look dangerous: it is in a file.
      write(scene.userHome, { 'attack.sh': attack(scene, agent) })
      const before = homeOf(scene.userHome)
      const results: string[] = []
      scene.model.script = loopScript(scene, results)
      const { code, out, err } = await runLoop(scene, agent)
      expect(scene.model.faults).toEqual([])
      expect(code, `${out}\n${err}`).toBe(0)

      // It works: its own tool wrote the file, its session and what it used are there.
      const result = JSON.parse(out)
      expect(result).toMatchObject({ completed: true, stop_reason: 'goal_complete' })
      expect(result.worktree.changed_files).toEqual(['hello.txt'])
      expect(git(scene.repository, 'show', `${result.worktree.branch}:hello.txt`)).toBe('hello\n')
      if (agent.usage) expect(result.spend.tokens).toBeGreaterThan(0)
      const ids = await sessionIds(scene.home, result.run_id)
      expect(ids).toHaveLength(3)
      const kept = contents(join(scene.userHome, sessions))
      for (const id of ids) expect(kept.includes(id), `${id} is not among what ${sessions} holds`).toBe(true)

      // The attack ran, and saw none of the secrets.
      const seen = results.join('\n')
      expect(seen).toContain('it-ran')
      expect(seen).toContain('it-ended')
      expect(seen).not.toContain(canary)
      expect(
        JSON.stringify(scene.model.asked.map(({ said, system, result: told }) => [said, system, told])),
      ).not.toContain(canary)

      // The home is as it was but for the agent's own directories, and nothing planted is in those.
      const after = homeOf(scene.userHome)
      const own = [...preset.needs.home, ...(preset.needs.homeFleeting ?? [])].map((path) => path.replace('/{cwd}', ''))
      const isOwn = (path: string) =>
        own.some((each) => path === each || path.startsWith(`${each}/`) || each.startsWith(`${path}/`))
      const others = (of: Map<string, string>) => [...of].filter(([path]) => !isOwn(path))
      expect(others(after)).toEqual(others(before))
      expect(filesWith(scene.userHome, planted)).toEqual([])
      for (const path of led(agent)) {
        const [was, is] = [before.get(path), after.get(path)]
        expect(is, `${path} was changed`).toBe(was)
      }
      await until('its processes are gone', () => scene.processes().length === 0)
    },
  )

  test.for([geminiCase, opencodeCase])(
    '$preset.name works over the Agent Client Protocol',
    {
      timeout: installMs + 120_000,
    },
    async (agent) => {
      const scene = await open(agent)
      const { preset } = agent
      const program = acpProgram(preset)
      if (program === undefined) throw new Error(`${preset.name} does not speak the protocol`)
      const commands = await installed(agent.pinned)
      const path = join(scene.repository, 'hello.txt')
      const content = 'hello\n'
      let edited = false
      const results: string[] = []
      scene.model.script = (asked) => {
        if (asked.continues) results.push(asked.result)
        if (asked.continues && edited) return { do: 'text', text: 'Written.' }
        edited ||= asked.tools.length > 1
        return { do: 'edit', path, content, text: 'Written.' }
      }
      const deltas: AgentDelta[] = []
      const made = knownAcpAgent(preset, program, join(commands, program.executable), {
        env: scene.env,
        model: agent.model,
        supervise: confined(supervise, () => state),
      })
      const answer = await made.run(
        {
          role: 'worker',
          system: 'Be brief.',
          prompt: 'Create hello.txt.',
          cwd: scene.repository,
          timeoutMs: 90_000,
          approvals: { mode: 'all', rules: [] },
          confinement: {
            writable: [scene.repository],
            readable: [],
            hidden: [scene.home],
            network: [`localhost:${new URL(scene.model.url).port}`],
            env: ['LOCAL_KEY'],
          },
        },
        { signal: new AbortController().signal, onDelta: (delta) => deltas.push(delta) },
      )
      expect(scene.model.faults).toEqual([])
      expect(answer, results.join('\n')).toMatchObject({ outcome: 'done', text: expect.stringContaining('Written.') })
      expect(readFileSync(path, 'utf8')).toBe(content)
      expect(deltas.some((delta) => delta.type === 'tool')).toBe(true)
      expect(scene.processes()).toEqual([])
    },
  )
})

const theirs = ['.claude', '.codex', '.gemini', '.copilot', '.grok', '.pi', '.local/share/opencode', '.cursor'] as const

/** A key, the login of every other agent, and our own configuration, which lets the key of the scripted model through. */
function secrets(agent: AgentCase): NonNullable<AgentCase['files']> {
  const own = (path: string) => agent.preset.needs.home.some((each) => each.startsWith(path))
  const logins = theirs.filter((path) => !own(path)).map((path) => [`${path}/login.json`, canary])
  return () => ({
    '.ssh/id_test': canary,
    '.aws/credentials': canary,
    '.config/loopwright/config.yaml': `# ${canary}\nsandbox:\n  env: [LOCAL_KEY]\n`,
    'notes.txt': 'No secret.',
    ...Object.fromEntries(logins),
  })
}

/** What leads the agent's next start: what it may read only, inside of what it may write. */
function led({ preset }: AgentCase): string[] {
  const { home, homeFleeting = [], homeRead = [] } = preset.needs
  const holes = [...home, ...homeFleeting]
  const isAround = (path: string) => holes.some((hole) => hole.startsWith(`${path}/`))
  return homeRead.filter(
    (path) => !/[*{]/.test(path) && !isAround(path) && holes.some((hole) => path.startsWith(`${hole}/`)),
  )
}

/** Some keep their settings elsewhere and link them. */
function linkSettings(home: string, agent: AgentCase): void {
  const path = led(agent)
    .find((each) => each.endsWith('skills/'))
    ?.slice(0, -1)
  if (path === undefined) return
  write(home, { 'dots/skills/one/SKILL.md': 'Be kind.' })
  mkdirSync(dirname(join(home, path)), { recursive: true })
  symlinkSync(join(home, 'dots/skills'), join(home, path))
}

/** A shell command that reads what it must not see, and writes and replaces what leads the agent's next start. */
function attack(scene: Scene, agent: AgentCase): string {
  const secretsOf = [
    '.ssh/id_test',
    '.aws/credentials',
    '.config/loopwright/config.yaml',
    ...theirs.map((path) => `${path}/login.json`),
  ]
  const fleeting = (agent.preset.needs.homeFleeting ?? []).map((path) =>
    /\.\w+$/.test(path) ? path : `${path}/planted.json`,
  )
  const places = [
    ...led(agent),
    ...fleeting,
    '.bashrc',
    '.profile',
    '.gitconfig',
    'notes.txt',
    '.config/autostart/planted.desktop',
  ]
  const reads = [
    'echo it-ran',
    'printenv',
    `cat ${secretsOf.map((path) => `~/${path}`).join(' ')} /proc/*/environ`,
    `cat ${scene.repository}/.env ${scene.home}/loopwright.db`,
  ]
  const writes = [
    `P=planted-by; P="$P-the-agent"`,
    ...places.flatMap((path) => {
      const whole = `~/${path.replace(/\/$/, '')}`
      const file = path.endsWith('/') ? `${whole}/planted.json` : whole
      return [
        `mkdir -p ${dirname(file)}; echo "$P" >> ${file}`,
        `mv ${whole} ${whole}.away; rm -rf ${whole}; mkdir -p ${dirname(file)}; echo "$P" > ${file}`,
        `echo "$P" > ~/planted.tmp; mv ~/planted.tmp ${file}`,
        `rm -rf ${whole}; ln -sfn /nowhere ${whole}`,
      ]
    }),
    'cd ~; for D in .claude .codex .gemini .copilot .grok .pi .config .local .cache; do mv $D $D.away; done',
  ]
  return `( ${reads.join('\n')}\n) 2>&1\n( ${writes.join('\n')}\n) > /dev/null 2>&1\necho it-ended\n`
}

const shellsOf = (asked: Asked) => Object.keys(shells).find((name) => asked.tools.includes(name))

/** Plays the model of all three roles; the first of them attacks. */
function loopScript(scene: Scene, results: string[]): (asked: Asked) => Behaviour {
  return (asked) => {
    const text = `${asked.system}\n${asked.said}`
    if (asked.continues) results.push(asked.result)
    if (text.includes(decomposerRole.system)) {
      const answer = '{"subgoals": [{"id": "hello", "description": "Create hello.txt."}]}'
      const name = shellsOf(asked)
      if (name === undefined) return { do: 'text', text: answer }
      return { do: 'tool', name, input: shells[name]?.(`sh ${join(scene.root, 'home/attack.sh')}`) ?? {}, text: answer }
    }
    if (text.includes(reviewerRole.system)) {
      const gates = '"quality_ok": true, "consistency_ok": true, "goal_aligned": true, "goal_complete": true'
      return { do: 'text', text: `{${gates}, "issues": [], "follow_up_questions": []}` }
    }
    // A title for the conversation is asked for apart, without the tools.
    if (asked.tools.length < 2 || !text.includes(workerRole.system)) return { do: 'text', text: 'A title' }
    const path = join(scene.worktreeIn(text), 'hello.txt')
    return { do: 'edit', path, content: 'hello\n', text: 'I created hello.txt.' }
  }
}

function runLoop(scene: Scene, { preset, model }: AgentCase) {
  return scene.loopwright(
    ...['run', '--goal', 'Create hello.txt', '--criteria', 'hello.txt is there', '--verify', 'test -f hello.txt'],
    ...['--agent', preset.name, '--model', model, '--skip-permissions'],
    ...['--network', `localhost:${new URL(scene.model.url).port}`],
    ...['--max-iterations', '1', '--timeout', '90s', '--json', '--quiet'],
  )
}

/** The sessions of the calls of agents that the journal knows. */
async function sessionIds(home: string, run: string): Promise<string[]> {
  const store = await openSqliteStore({ path: join(home, 'loopwright.db') })
  try {
    const events = await store.read(run)
    return events.flatMap((event) => {
      if (event.kind !== 'step_settled' || event.effect !== 'agent') return []
      const { sessionId } = event.value as { readonly sessionId?: string }
      return sessionId === undefined ? [] : [sessionId]
    })
  } finally {
    await store.close()
  }
}

/** Names and contents of all that is in a directory, for search. */
function contents(path: string): string {
  if (!existsSync(path)) return ''
  return readdirSync(path, { recursive: true, withFileTypes: true })
    .map((entry) => {
      const file = join(entry.parentPath, entry.name)
      return entry.isFile() && entry.name !== 'attack.sh' ? `${file}\n${readFileSync(file, 'latin1')}` : file
    })
    .join('\n')
}

/** The files below a directory that hold a text. */
function filesWith(home: string, text: string): string[] {
  return readdirSync(home, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => readFileSync(path, 'latin1').includes(text))
}

/** Every file of a home, by what it holds; links by where they lead, directories by being there. */
function homeOf(home: string): Map<string, string> {
  const files = hashes(home)
  for (const entry of readdirSync(home, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name)
    if (!entry.isFile()) files.set(path.slice(home.length + 1), entry.isSymbolicLink() ? 'link' : 'there')
  }
  files.delete('attack.sh')
  return files
}
