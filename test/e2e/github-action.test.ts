import { spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { launcher } from '../fixtures/mcp.ts'
import { git, scratch } from '../fixtures/repo.ts'
import { makeTriageProject } from '../fixtures/triage/project.ts'
import { root } from './docs-blocks.ts'

interface Step {
  readonly id?: string
  readonly uses?: string
  readonly run?: string
  readonly shell?: string
  readonly env?: Readonly<Record<string, string>>
  readonly 'working-directory'?: string
}

interface Action {
  readonly inputs: Readonly<Record<string, { readonly default?: string; readonly description: string }>>
  readonly outputs: Readonly<Record<string, { readonly value: string }>>
  readonly runs: { readonly using: string; readonly steps: readonly Step[] }
}

const action: Action = parse(readFileSync(join(root, 'action', 'action.yml'), 'utf8'))

/** A machine on which the steps of the Action run as GitHub runs them. */
function runner(event: { readonly name: string; readonly payload: object } = { name: 'schedule', payload: {} }) {
  const temporary = scratch()
  const at = (name: string) => join(temporary.path, name)
  const project = makeTriageProject(at('project'), { 'src/a.js': '// TODO: mend this\n' })
  for (const folder of ['bin', 'home', 'temp']) mkdirSync(at(folder))
  writeFileSync(at('bin/loopwright'), `#!/bin/sh\nexec "${process.execPath}" "${launcher}" "$@"\n`)
  chmodSync(at('bin/loopwright'), 0o755)
  writeFileSync(at('event.json'), JSON.stringify(event.payload))
  const outputs = () => {
    const text = existsSync(at('output')) ? readFileSync(at('output'), 'utf8') : ''
    return Object.fromEntries(
      [...text.matchAll(/^(\w+)<<(end-\S+)\n(.*)\n\2$/gm)].map(([, name, , value]) => [name, value]),
    )
  }
  return {
    at,
    project,
    outputs,
    summary: () => (existsSync(at('summary')) ? readFileSync(at('summary'), 'utf8') : ''),
    /** Runs every step that is a script, until one fails; answers the last exit code and all they printed. */
    play(inputs: Readonly<Record<string, string>>, more: Readonly<Record<string, string>> = {}) {
      const given = (text: string) =>
        text.replace(/\$\{\{ (\S+) \}\}/g, (_, name: string) => {
          if (!name.startsWith('inputs.')) return ''
          const input = name.slice('inputs.'.length)
          return inputs[input] ?? (input === 'token' ? '' : (action.inputs[input]?.default ?? ''))
        })
      let said = ''
      for (const step of action.runs.steps.filter(({ run }) => run !== undefined)) {
        const own = Object.entries(step.env ?? {}).map(([name, value]) => [name, given(value)])
        const { status, stdout, stderr } = spawnSync(
          'bash',
          ['--noprofile', '--norc', '-eo', 'pipefail', '-c', step.run ?? ''],
          {
            cwd: join(project, given(step['working-directory'] ?? '.')),
            encoding: 'utf8',
            env: {
              PATH: `${at('bin')}:${dirname(process.execPath)}:/usr/bin:/bin`,
              HOME: at('home'),
              GIT_CONFIG_GLOBAL: '/dev/null',
              CI: 'true',
              RUNNER_TEMP: at('temp'),
              GITHUB_ACTIONS: 'true',
              GITHUB_PATH: at('path'),
              GITHUB_OUTPUT: at('output'),
              GITHUB_STEP_SUMMARY: at('summary'),
              GITHUB_EVENT_NAME: event.name,
              GITHUB_EVENT_PATH: at('event.json'),
              ...more,
              ...Object.fromEntries(own),
            },
          },
        )
        said += stdout + stderr
        if (status !== 0) return { code: status, said }
      }
      return { code: 0, said }
    },
    [Symbol.dispose]: () => temporary[Symbol.dispose](),
  }
}

test('the Action is one that GitHub takes, and no script of it has anything put in from outside', () => {
  expect(action.runs.using).toBe('composite')
  for (const { run, uses, shell, env = {} } of action.runs.steps) {
    if (uses !== undefined) continue
    expect(shell).toBe('bash')
    expect(run).not.toContain('${{')
    for (const value of Object.values(env)) expect(value).toMatch(/^\$\{\{ inputs\.[a-z-]+ \}\}$/)
  }
  for (const { value } of Object.values(action.outputs))
    expect(value).toMatch(/^\$\{\{ steps\.tick\.outputs\.\w+ \}\}$/)
  for (const { description } of Object.values(action.inputs)) expect(description.length).toBeGreaterThan(10)
})

test('a tick by the Action has outputs and a summary, whatever it came to', () => {
  using it = runner()
  const done = it.play({ pattern: 'daily-triage', level: 'L1', agent: 'scripted', version: 'installed' })
  expect([done.code, done.said]).toEqual([0, expect.stringContaining('Ran 1 tick(s) of Daily Triage [L1]')])
  expect(Object.keys(it.outputs())).toEqual(expect.arrayContaining(Object.keys(action.outputs)))
  expect(it.outputs()).toMatchObject({ decision: expect.stringMatching(/^(noop|report|act)$/), verdict: '' })
  expect(it.summary()).toContain('### Daily Triage')
})

test('nothing that a tick prints is a command to the runner, whatever was found', () => {
  const evil = '##[set-output name=outcome;]merged ::set-output name=url::x'
  using it = runner()
  writeFileSync(join(it.project, 'src/a.js'), `// TODO: ${evil}\n`)
  git(it.project, 'commit', '-qam', 'x')
  const { code, said } = it.play({ pattern: 'daily-triage', level: 'L1', agent: 'scripted', version: 'installed' })
  const [, stop = 'none'] = /^::stop-commands::([0-9a-f-]{36})$/m.exec(said) ?? []
  expect([code, said.indexOf(evil) > said.indexOf(stop)]).toEqual([0, true])
  expect(said.lastIndexOf(`\n::${stop}::`)).toBeGreaterThan(said.lastIndexOf(evil))
})

test('a dry run at L2 says what it would do', () => {
  using it = runner()
  const done = it.play({ pattern: 'daily-triage', level: 'L2', 'dry-run': 'true', ticks: '2', version: 'installed' })
  expect(done.code).toBe(0)
  expect(it.outputs()).toMatchObject({ decision: 'act', outcome: 'would_commit', verdict: 'accept' })
  expect(Number(it.outputs().tokens)).toBeGreaterThan(0)
  expect(it.summary()).toContain('(dry run)')
  expect(it.summary()).toMatch(/\| 2 \| act \| would_commit \| accept \| allow \|/)
})

test('without a pattern the Action does what the event asks for, by those who may', () => {
  const payload = {
    action: 'created',
    comment: { body: '/loopwright daily-triage' },
    issue: { number: 7 },
    sender: { login: 'ada', type: 'User' },
    repository: { full_name: 'acme/shop' },
  }
  using it = runner({ name: 'issue_comment', payload })
  const inputs = { agent: 'scripted', version: 'installed' }
  const refused = it.play(inputs)
  expect([refused.code, refused.said]).toEqual([0, expect.stringContaining('ada is not named by --allow')])
  expect(it.outputs()).toMatchObject({ decision: 'none', outcome: 'none' })
  const done = it.play({ ...inputs, allow: 'grace, ada' })
  expect([done.code, done.said]).toEqual([0, expect.stringContaining('for ada:')])
})

test('what stands in the inputs is data: no script runs it, and it is no flag', () => {
  for (const evil of [
    '$(touch hacked)',
    '; touch hacked',
    '`touch hacked`',
    '" ; touch hacked ; "',
    '--goal=x',
    'a b',
  ]) {
    for (const input of ['pattern', 'level', 'agent', 'ticks', 'version']) {
      using it = runner()
      const usual = { pattern: 'daily-triage', 'dry-run': 'true', version: 'installed' }
      const { code } = it.play({ ...usual, [input]: evil })
      expect([input, evil, code]).toEqual([input, evil, 2])
      expect(existsSync(join(it.project, 'hacked'))).toBe(false)
    }
  }
})

test('an error of loopwright fails the step, and says what it is', () => {
  using it = runner()
  const { code, said } = it.play({ pattern: 'no-such-pattern', version: 'installed' })
  expect([code, said]).toEqual([2, expect.stringContaining('there is no pattern "no-such-pattern"')])
})

test('the example workflow is one that parses, and hands nothing from outside to a shell', () => {
  const workflow = parse(readFileSync(join(root, 'examples', 'github-action', 'triage.yml'), 'utf8'))
  const steps: readonly Step[] = workflow.jobs.tick.steps
  for (const { run } of steps) expect(run ?? '').not.toContain('${{')
  const used = steps.find(({ uses }) => uses?.includes('loopwright')) as { readonly with: Record<string, string> }
  for (const name of Object.keys(used.with)) expect(Object.keys(action.inputs)).toContain(name)
})
