import { type Command, Option } from 'commander'
import { choice, duration, durationOrNever, list, money, pairs, whole } from './values.ts'

/** The flags of `run`, in the groups of its help. */
export function withRunFlags(command: Command): Command {
  command.optionsGroup('The goal:')
  command
    .option('--goal <text>', 'what shall be reached')
    .option('--goal-file <path>', 'read the goal from a file (- is standard input)')
    .option('--criteria <text>', 'when it is reached (repeatable); none: the agent proposes them', list)
    .option('--criteria-file <path>', 'read criteria from a file, one a line')
    .option('--plan <path>', 'a backlog (prd.json, PRD.md): one story per iteration until all pass')
  command.optionsGroup('Who does it:')
  command
    .option('--agent <name>', 'an agent by name (loopwright agents lists them), or scripted:FILE')
    .addOption(new Option('--backend <name>', 'the same as --agent').hideHelp())
    .option('--model <name>', 'the model the agent shall use')
    .option('--agent-command <template>', 'any command as the agent: {prompt}, {system}, {combined}; none: stdin')
    .option(
      '--agent-protocol <name>',
      'what that command speaks: text or acp',
      choice('--agent-protocol', ['text', 'acp']),
    )
    .option('--fallback <name>', 'the agent that takes over when one is at its limit or not logged in')
    .option('--timeout <time>', 'time limit of each call of an agent', duration('--timeout'))
    .option(
      '--stall <time>',
      'end a call that neither prints nor works for so long (default: 15m; or never)',
      durationOrNever('--stall'),
    )
    .option('--retries <n>', 'more tries for a subgoal that failed (default: 1)', whole('--retries', 0))
    .option('--concurrency <n>', 'workers at once (default: 8)', whole('--concurrency'))
    .option('--attempts <n>', 'independent attempts; the best by checks, then review, is kept', whole('--attempts'))
    .option('--attempt-agents <names>', 'agents of the attempts in turn, as in claude-code,codex')
    .option('--skip-permissions', 'let the agent act without asking for permission, in a sandbox')
    .option(
      '--sandbox <mode>',
      'confine agents and commands: auto, bwrap, srt',
      choice('--sandbox', ['auto', 'bwrap', 'srt', 'none']),
    )
    .option('--no-sandbox', 'confine nothing, whatever the agent may do')
    .option(
      '--network <hosts>',
      "what a sandbox may reach besides the agent's own hosts: open, none, or hosts with commas",
    )
  command.optionsGroup('When it is good:')
  command
    .option('--verify <command>', 'a command that must pass (repeatable); "shell: …" runs in a shell', list)
    .option('--verify-timeout <time>', 'time limit of each check', duration('--verify-timeout'))
    .option('--playwright', 'check with npx playwright test, and tell the agents so')
  withCaps(command)
  command.optionsGroup('A triage pattern:')
  command
    .option(
      '--level <level>',
      'how far it may go: L0 drafts, L1 reports, L2 changes a branch, L3 merges what the gate allows',
    )
    .option('--ticks <n>', 'so many ticks, one after the other (default: 1)', whole('--ticks'))
    .option('--item <id>', 'act on this finding alone')
    .option(
      '--deliver <where>',
      'where a change goes that passed: branch, pull-request, merge',
      choice('--deliver', ['branch', 'pull-request', 'merge']),
    )
    .option('--worktree', 'work in a worktree, which a triage loop always does')
  command.optionsGroup('Where it works:')
  command
    .option('--cwd <dir>', 'the project (default: here)')
    .option('--isolation <how>', 'worktree (its own branch) or inplace', choice('--isolation', ['worktree', 'inplace']))
    .option('--no-isolate', 'the same as --isolation inplace')
    .option(
      '--cleanup <when>',
      'the worktree after the run: auto, always, never',
      choice('--cleanup', ['auto', 'always', 'never']),
    )
    .option('--label <key=value>', 'a label to find the run by (repeatable)', pairs('--label'))
  command.optionsGroup('Questions:')
  command
    .option('--ask', 'ask what is unclear first; without a terminal: print the questions and a token, exit 3')
    .option('--resume <token>', 'go on with a run that asked')
    .option('--answer <text>', 'the answer to a question (again for each; or name=value)', list)
    .option('--non-interactive', 'never ask, even at a terminal')
  command.optionsGroup('Output:')
  withShow(withDetach(command))
  command.option('--dry-run', 'show what would run, and where each value comes from')
  command.optionsGroup('Options:')
  command.addHelpText(
    'after',
    `
Examples:
  loopwright run --goal "Fix the login bug" --verify "npm test" --max-cost 5
  loopwright run --goal-file TASK.md --agent codex --ask
  loopwright run loops/fix.yaml --detach --label team=web
  git log -1 --format=%B | loopwright run --goal-file - --agent-command "my-agent {prompt}"`,
  )
  return command
}

/** Where a run stops. */
export function withCaps(command: Command): Command {
  command.optionsGroup('Where it stops:')
  command
    .option('--max-iterations <n>', 'iterations (run: 4 by default)', whole('--max-iterations'))
    .option('--max-duration <time>', 'working time, as 30m; a blocked worker is ended', duration('--max-duration'))
    .option('--max-tokens <n>', 'tokens', whole('--max-tokens'))
    .option('--max-cost <usd>', 'US dollars', money('--max-cost'))
    .option('--max-agent-calls <n>', 'calls of agents, every one counts', whole('--max-agent-calls'))
    .option('--max-agents <n>', 'agents in all', whole('--max-agents'))
  if (command.name() === 'run') {
    command.option('--max-rounds <n>', 'the same as --max-iterations', whole('--max-rounds'))
    command.option('--max-seconds <time>', 'wall-clock time, looked at between phases only', duration('--max-seconds'))
  }
  command.optionsGroup('Options:')
  return command
}

/** How it is shown. */
export function withShow(command: Command): Command {
  return command
    .option('--json', 'print the result as one JSON object')
    .option('--progress', 'one JSON line per iteration on standard error')
    .option('--quiet', 'no progress')
}

/** Whether it goes on in the background. */
export function withDetach(command: Command): Command {
  return command.option('--detach', 'run in the background: print the id and how to follow it')
}
