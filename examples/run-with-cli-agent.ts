// A goal run with an agent CLI that you have installed and logged in to.
//
//     node examples/run-with-cli-agent.ts claude|codex|opencode|aider [REPO] [GOAL]
//
// With a repository the agent works in a worktree of its own, on a branch `loopwright/<run>`: your files stay as they are.
// Without one it works in an empty temporary directory. It may cost money; the budget below bounds it.
// In a project of your own: import { startRun } from 'loopwright'
import { mkdtempSync, realpathSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isLoopwrightError, startRun } from '../src/index.ts'

const [agent, repository, goal] = process.argv.slice(2)
if (agent === undefined) {
  console.error('usage: node examples/run-with-cli-agent.ts claude|codex|opencode|aider [REPO] [GOAL]')
  process.exit(2)
}

try {
  const run = await startRun({
    goal: goal ?? 'Write hello.mjs, which prints "hello", and hello.test.mjs, which shows with node:test that it does.',
    criteria: goal === undefined ? ['node --test passes'] : [],
    agent,
    cwd: realpathSync(repository ?? mkdtempSync(join(tmpdir(), 'loopwright-example-'))),
    // With a repository: a worktree per run. A directory that is no repository is worked in as it is.
    isolation: repository === undefined ? 'inplace' : 'worktree',
    verify: goal === undefined ? ['node --test'] : [],
    budget: { iterations: 3, duration: '20m', cost: 2 },
    onEvent: (event) => {
      if (event.kind === 'iteration_started') console.error(`iteration ${event.iteration}`)
      if (event.kind === 'step_started') console.error(`  ${event.name} ...`)
    },
  })
  const result = await run.result()
  console.log(result.final_output)
  console.error(`\n${result.summary}`)
  if (result.workspace?.branch) console.error(`look at it: git diff HEAD...${result.workspace.branch}`)
  process.exitCode = result.completed ? 0 : 1
} catch (error) {
  if (!isLoopwrightError(error)) throw error
  console.error(error.hint === undefined ? error.message : `${error.message}\n  hint: ${error.hint}`)
  process.exitCode = 2
}
