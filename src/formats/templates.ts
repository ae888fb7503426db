/** `.loopwright/config.yaml` as `loopwright init` writes it. */
export const configTemplate = `# loopwright: settings of this project. Flags and LOOPWRIGHT_* variables come first, then this file, then
# the user's own. \`loopwright config\` shows every value and where it comes from.

# agent: claude-code        # who does the work; absent: found by itself
# model: my-model
# concurrency: 8            # workers at once, 1 to 64
# retries: 1                # more tries for a subgoal that failed
# isolation: worktree       # or inplace
# cleanup: auto             # keep the worktree when something changed; or always, never

# budget:
#   iterations: 4
#   duration: 1h
#   cost: 5                 # US dollars

# agents:                   # commands to use as agents
#   mine:
#     command: my-agent --print {prompt}
`

/** `.loopwright/.gitignore`: what is derived is not committed. */
export const gitignoreTemplate = 'runs/\n'

/** `loops/goal.yaml`: a first loop. Run it with `loopwright run loops/goal.yaml`. */
export const goalTemplate = `kind: goal
goal: |
  Make the failing tests pass without changing the tests.
criteria:
  - every test passes
verify:
  - npm test
  # - { name: types, run: npx tsc --noEmit, timeout: 5m }
  # - { name: lint, shell: "npx eslint . | tail -50" }
budget:
  iterations: 4
  duration: 30m
# workspace:
#   setup: [npm ci]         # prepares a fresh worktree
#   copy: [.env.local]      # untracked files it needs
`
