// The goal loop through the library, on the scripted agent: no key, no server, no cost.
//
//     node examples/run-demo.ts
//     node examples/run-demo.ts --agent claude-code     (a real agent instead; it costs what it costs)
//
// In a project of your own the first line below is: import { scripted, startRun } from 'loopwright'
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { scripted, startRun } from '../src/index.ts'
import { reply } from '../src/testing.ts'

const { values } = parseArgs({ options: { agent: { type: 'string' } } })
const repository = makeRepository()
console.log(`A small repository with a failing test: ${repository}\n`)

// The first attempt at `add` is wrong, so that you see a check fail, its output fed back, and a second iteration mend it.
const script = scripted({
  replies: {
    decomposer: [
      { id: 'add', description: 'Make add() add in src/add.js' },
      { id: 'readme', description: 'Describe add() in README.md' },
    ],
    worker: (request) => {
      const first = request.context?.iteration === 1
      if (request.env?.LOOPWRIGHT_SUBGOAL === 'readme')
        return reply({
          text: 'Described add().',
          edits: [{ write: 'README.md', content: '# add\n\nadd(1, 2) is 3.\n' }],
        })
      const content = `export const add = (a, b) => a ${first ? '*' : '+'} b\n`
      return reply({ text: first ? 'Wrote add().' : 'Corrected add().', edits: [{ write: 'src/add.js', content }] })
    },
  },
})

const run = await startRun({
  goal: 'Make the failing test pass, and describe add() in the README',
  criteria: ['the test passes', 'the README shows an example'],
  agent: values.agent ?? script,
  verify: ['node --test'],
  budget: { iterations: 3 },
  cwd: repository,
  onEvent: (event) => {
    if (event.kind === 'iteration_started') console.log(`iteration ${event.iteration}`)
    if (event.kind === 'step_settled' && event.effect !== undefined) console.log(`  ${event.name}`)
  },
})
const result = await run.result()

console.log(`\n${result.summary}`)
console.log(`agent calls: ${result.spend.agent_calls}, tokens: ${result.spend.tokens}, cost: $${result.spend.cost_usd}`)
console.log(`\ngit log --oneline ${result.workspace?.branch}`)
console.log(git('log', '--oneline', result.workspace?.branch ?? 'HEAD'))
console.log(`Your own files are as they were: git status says "${git('status', '--short') || 'nothing'}".`)
process.exitCode = result.completed ? 0 : 1

function makeRepository(): string {
  const path = mkdtempSync(join(tmpdir(), 'loopwright-example-'))
  mkdirSync(join(path, 'src'))
  mkdirSync(join(path, 'test'))
  writeFileSync(join(path, 'package.json'), '{ "name": "adder", "type": "module", "private": true }\n')
  writeFileSync(join(path, 'src', 'add.js'), 'export const add = (a, b) => a - b\n')
  const test = `import { equal } from 'node:assert'
import { test } from 'node:test'
import { add } from '../src/add.js'

test('adds', () => equal(add(1, 2), 3))
`
  writeFileSync(join(path, 'test', 'add.test.js'), test)
  const who = ['-c', 'user.name=You', '-c', 'user.email=you@example.org']
  for (const args of [
    ['init', '-q', '-b', 'main'],
    ['add', '-A'],
    [...who, 'commit', '-q', '-m', 'A failing test'],
  ])
    execFileSync('git', args, { cwd: path })
  return path
}

function git(...args: string[]): string {
  return execFileSync('git', args, { cwd: repository, encoding: 'utf8' }).trim()
}
