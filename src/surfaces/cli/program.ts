import { Command, Option } from 'commander'
import { mcpClients } from '../../formats/mcp-clients.ts'
import { addGateCommands } from './gate-commands.ts'
import type { Io } from './io.ts'
import { choice, duration, durationOrNever, list, money, pairs, whole } from './values.ts'

/** What a command answers: the exit code. */
export type Action = Promise<number>

/** Parsed flags of a command, as its module types them. */
type Flags = never

/** The whole command line: names, flags and help. The commands themselves load when they are called. */
export function createProgram(io: Io, done: (code: number) => void): Command {
  const program = new Command('loopwright')
    .description('Takes a goal to a verified branch: agents do the work, code decides when it is done.')
    .usage('<command> [options]')
    .helpOption('-h, --help', 'show this, or the help of a command')
    .helpCommand(false)
    .option('-V, --version', 'print the version')
    .showSuggestionAfterError(true)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => io.stdout.write(text),
      writeErr: () => {},
      outputError: () => {},
      getOutHelpWidth: () => Math.min(100, io.stdout.columns ?? 100),
      getOutHasColors: () => false,
    })
  program.addHelpText(
    'after',
    `
Examples:
  loopwright run --goal "Make the failing tests pass" --verify "npm test"
  loopwright run loops/fix.yaml --detach
  loopwright watch last

Exit codes: 0 done, 1 stopped by a budget or a person, 2 error, 3 waits for answers, 130 interrupted.
loopwright demo shows the whole in a minute, without any agent installed.`,
  )
  // Commander knows nothing of the types of flags; each command's module says what its own are.
  const act =
    (call: (...args: never[]) => Action) =>
    async (...args: unknown[]) =>
      done(await call(...(args as never[])))

  const command = (group: string, spec: string, summary: string) =>
    program
      .command(spec)
      .summary(summary)
      .description(`${summary[0]?.toUpperCase()}${summary.slice(1)}.`)
      .helpGroup(group)

  // ── start ──────────────────────────────────────────────────────────────────
  withRunFlags(
    command('Start:', 'run', 'take a goal to a verified branch, or a project to health').argument(
      '[loops...]',
      'loop files (YAML), loop folders, or a triage pattern; several loops run together under one budget',
    ),
  ).action(
    act(async (loops: readonly string[], flags: Flags) => (await import('./commands/run.ts')).run(io, loops, flags)),
  )
  withCaps(
    withShow(
      withDetach(command('Start:', 'resume', 'go on with a run that was stopped, paused, interrupted or failed')),
    ),
  )
    .argument('[run]', 'a run id, its beginning or end, or last', 'last')
    .option('--answer <text>', 'answer an open question (again for each; or name=value)', list)
    .option('--non-interactive', 'never ask, even at a terminal')
    .action(act(async (run: string, flags: Flags) => (await import('./commands/steer.ts')).resume(io, run, flags)))
  withCaps(withShow(withDetach(command('Start:', 'fork', 'start a new run from an iteration of another'))))
    .argument('<run>', 'the run to start from')
    .requiredOption('--at <n>', 'the iteration to begin with', whole('--at'))
    .action(act(async (run: string, flags: Flags) => (await import('./commands/steer.ts')).fork(io, run, flags)))

  // ── look ───────────────────────────────────────────────────────────────────
  const runs = command('Look:', 'runs', 'list the runs, newest first')
    .option('--label <key=value>', 'only runs with this label (repeatable)', pairs('--label'))
    .option('--where <filter>', 'only runs that fit, as in "status=done,failed kind=goal label.team=web"')
    .option('--limit <n>', 'at most so many', whole('--limit'), 20)
    .option('--json', 'print JSON')
    .action(act(async (flags: Flags) => (await import('./commands/runs.ts')).listRuns(io, flags)))
  runs
    .command('prune')
    .summary('remove runs that are over')
    .description('Remove runs that are over: journal, folder and worktree. Branches stay.')
    .option('--older-than <time>', 'only runs older than this, as in 30d', duration('--older-than'))
    .option('--outcome <list>', 'only runs that ended so: done, cancelled, killed, failed, stopped, paused')
    .option('--keep <n>', 'keep so many of the newest', whole('--keep', 0))
    .option('--dry-run', 'only say what would go')
    .option('--json', 'print JSON')
    // `runs` has some of these flags too, and commander gives it what stands behind `prune`.
    .action(
      act(async (_flags: Flags, self: Command) =>
        (await import('./commands/runs.ts')).prune(io, self.optsWithGlobals()),
      ),
    )
  const one = '[run]'
  const oneText = 'a run id, its beginning or end, or last'
  command('Look:', 'status', 'show how a run stands, or the loop of a folder')
    .argument('[run-or-folder]', `${oneText}, or a loop folder`, 'last')
    .option('--json', 'print JSON')
    .action(
      act(async (run: string, flags: Flags) => {
        const { isFolder, folderStatus } = await import('./commands/folder.ts')
        if (await isFolder(io, run)) return await folderStatus(io, run, flags, false)
        return (await import('./commands/look.ts')).status(io, run, flags)
      }),
    )
  command('Look:', 'tail', 'print the events of a run')
    .argument(one, oneText, 'last')
    .option('-f, --follow', 'go on until the run ends')
    .option('-n, --lines <n>', 'only the last so many', whole('--lines', 0))
    .option('--json', 'print the lines of events.jsonl')
    .action(act(async (run: string, flags: Flags) => (await import('./commands/look.ts')).tail(io, run, flags)))
  command('Look:', 'result', 'print what a run came to')
    .argument(one, oneText, 'last')
    .option('--wait', 'wait until it is over')
    .option('--timeout <time>', 'wait at most this long', duration('--timeout'))
    .option('--json', 'print JSON')
    .action(act(async (run: string, flags: Flags) => (await import('./commands/look.ts')).result(io, run, flags)))
  command('Look:', 'watch', 'show a run live, wherever it is driven')
    .argument(one, oneText, 'last')
    .action(act(async (run: string) => (await import('./commands/look.ts')).watch(io, run)))

  // ── steer ──────────────────────────────────────────────────────────────────
  command('Steer:', 'answer', 'answer the questions of a run')
    .argument('<run>', 'a run id, or the token the run printed')
    .argument('[answers...]', 'one per question in order, or name=value; none: asks at the terminal')
    .action(
      act(async (run: string, answers: readonly string[]) =>
        (await import('./commands/steer.ts')).answer(io, run, answers),
      ),
    )
  command('Steer:', 'pause', 'pause a run when what is in flight is finished')
    .argument(one, oneText, 'last')
    .action(act(async (run: string) => (await import('./commands/steer.ts')).pause(io, run)))
  command('Steer:', 'stop', 'stop a run and its calls in flight; it can be resumed')
    .argument(one, oneText, 'last')
    .action(act(async (run: string) => (await import('./commands/steer.ts')).stop(io, run)))
  command('Steer:', 'kill', 'end a run at once, with every process it started')
    .argument('[run]', oneText)
    .option('--all', 'end every run, and let none start until --off')
    .option('--off', 'let runs start again')
    .action(
      act(async (run: string | undefined, flags: Flags) => (await import('./commands/steer.ts')).kill(io, run, flags)),
    )

  // ── the work ───────────────────────────────────────────────────────────────
  command('Work:', 'diff', 'print what a run changed')
    .argument(one, oneText, 'last')
    .option('--stat', 'only the files')
    .action(act(async (run: string, flags: Flags) => (await import('./commands/work.ts')).diff(io, run, flags)))
  command('Work:', 'report', 'write a run as one page of HTML that needs nothing else')
    .argument(one, oneText, 'last')
    .option('--out <file>', 'where it goes (default: report.html in the folder of the run)')
    .action(act(async (run: string, flags: Flags) => (await import('./commands/work.ts')).report(io, run, flags)))
  command('Work:', 'merge', "merge a run's branch into the branch you are on")
    .argument(one, oneText, 'last')
    .action(act(async (run: string) => (await import('./commands/work.ts')).merge(io, run)))
  command('Work:', 'discard', 'throw the work of a run away: worktree and branch')
    .argument('<run>', oneText)
    .option('-y, --yes', 'do not ask')
    .action(act(async (run: string, flags: Flags) => (await import('./commands/work.ts')).discard(io, run, flags)))

  // ── triage ─────────────────────────────────────────────────────────────────
  command('Triage:', 'list', 'list the patterns of this project, and those that come with loopwright')
    .option('--json', 'print JSON')
    .action(act(async (flags: Flags) => (await import('./commands/triage.ts')).listPatterns(io, flags)))
  command('Triage:', 'plan', 'show what a tick of a pattern would do, may do and may cost')
    .argument('<pattern>', 'a pattern by its id')
    .option('--level <level>', 'L0, L1, L2 or L3 (default: what the pattern starts with)')
    .option('--json', 'print JSON')
    .action(
      act(async (pattern: string, flags: Flags) =>
        (await import('./commands/triage.ts')).planPattern(io, pattern, flags),
      ),
    )
  command('Triage:', 'start', 'begin ticks as they are due, until Ctrl-C')
    .argument('[patterns...]', "patterns by their ids; none: all of the project's registry")
    .option('--level <level>', 'L0, L1, L2 or L3 (default: what each pattern starts with)')
    .option('--time-zone <zone>', "the zone of cron expressions, as Europe/Berlin (default: this machine's)")
    .option('--once', 'run what is due now, and end: for cron and CI')
    .option('--dry-run', 'only show what each tick would do; the schedule stays as it is')
    .option('--json', 'print a JSON object per tick; with --once one object')
    .action(
      act(async (patterns: readonly string[], flags: Flags) =>
        (await import('./commands/schedule.ts')).start(io, patterns, flags),
      ),
    )
  const schedule = command('Triage:', 'schedule', 'show when each pattern ran, and when it is due')
    .option('--json', 'print JSON')
    .action(act(async (flags: Flags) => (await import('./commands/schedule.ts')).showSchedule(io, flags)))
  for (const [how, summary] of [
    ['pause', 'begin no tick of these patterns until they are resumed'],
    ['resume', 'let patterns that were paused go on'],
    ['now', 'run patterns now, paused or not'],
  ] as const) {
    schedule
      .command(how)
      .summary(summary)
      .description(`${summary[0]?.toUpperCase()}${summary.slice(1)}.`)
      .argument('[patterns...]', 'patterns by their ids; none: all')
      .action(
        act(async (patterns: readonly string[]) =>
          (await import('./commands/schedule.ts')).steerSchedule(io, how, patterns),
        ),
      )
  }
  command('Triage:', 'inbox', 'show everything that waits for a person, and what to type')
    .option('--all', 'also what runs ask that were paused, stopped or failed')
    .option('--json', 'print JSON')
    .action(act(async (flags: Flags) => (await import('./commands/inbox.ts')).inbox(io, flags)))
  withShow(withDetach(command('Triage:', 'approve', 'approve what a run escalated, and go on with it')))
    .argument('<run>', 'a run id, its beginning or end, or the token the inbox shows')
    .option('--note <text>', 'what to say to it')
    .action(act(async (run: string, flags: Flags) => (await import('./commands/inbox.ts')).approve(io, run, flags)))
  withShow(withDetach(command('Triage:', 'deny', 'deny what a run escalated, and let it end')))
    .argument('<run>', 'a run id, its beginning or end, or the token the inbox shows')
    .option('--note <text>', 'why; the next try is told')
    .action(act(async (run: string, flags: Flags) => (await import('./commands/inbox.ts')).deny(io, run, flags)))
  command('Triage:', 'trigger', 'do what an event of GitHub asks for, or listen for such events')
    .option('--event <name>', 'the name of the event (default: GITHUB_EVENT_NAME)')
    .option('--payload <file>', 'its payload, JSON (default: GITHUB_EVENT_PATH)')
    .option('--listen', 'take webhooks on this machine, signed with LOOPWRIGHT_WEBHOOK_SECRET')
    .option('--port <n>', 'listen: the port (default: 4181; 0: any that is free)', whole('--port', 0))
    .option('--level <level>', 'go no further than this: L0, L1, L2, L3')
    .option('--label <name>', 'the label that starts a tick (default: loopwright)')
    .option('--allow <user>', 'a user who needs no write permission there (repeatable)', list)
    .option('--agent <name>', 'the agent that works')
    .option('--dry-run', 'only say what the event asks for')
    .option('--json', 'print JSON')
    .action(act(async (flags: Flags) => (await import('./commands/trigger.ts')).trigger(io, flags)))
  command('Triage:', 'notify', 'show who is told of what happens')
    .option('--test', 'send each a notice, and say whether it arrived')
    .option('--json', 'print JSON')
    .action(act(async (flags: Flags) => (await import('./commands/notify.ts')).notify(io, flags)))
  addGateCommands(io, command, act)

  // ── set up ─────────────────────────────────────────────────────────────────
  command(
    'Set up:',
    'init',
    'make .loopwright/ in this project, a folder for a repair loop, or the files of a triage loop',
  )
    .argument('[folder]', 'with --kind repair: the folder to make')
    .option('--kind <kind>', 'goal (the default), repair or triage', choice('--kind', ['goal', 'repair', 'triage']))
    .option('--project-root <dir>', 'repair, triage: the project (default: here)')
    .option('--mission <text>', 'repair: what shall be healthy in the end')
    .option('--pattern <id>', 'triage: the pattern to set up (loopwright list)')
    .option('--agent <name>', 'triage: the agent it is meant for')
    .option('--force', 'overwrite what is there; of a triage loop its settings, never what it recorded')
    .option('--dry-run', 'triage: only say what would be written')
    .action(
      act(async (folder: string | undefined, flags: Flags) =>
        (await import('./commands/folder.ts')).init(io, folder, flags),
      ),
    )
  command('Set up:', 'agents', 'list the agents and which are installed')
    .alias('backends')
    .option('--json', 'print JSON')
    .action(act(async (flags: Flags) => (await import('./commands/about.ts')).agents(io, flags)))
  command('Set up:', 'config', 'show every setting and where it comes from')
    .option('--json', 'print JSON')
    .action(act(async (flags: Flags) => (await import('./commands/about.ts')).config(io, flags)))
  command('Set up:', 'trust', 'trust the files of this project that can run commands')
    .argument('[files...]', "loop files, besides the project's config.yaml")
    .option('--base <ref>', 'trust what this branch or commit has for agents, instead of HEAD')
    .option(
      '--isolation <how>',
      'trust what the commit has for agents (worktree), or the files as they lie there (inplace)',
      choice('--isolation', ['worktree', 'inplace']),
    )
    .option('-y, --yes', 'do not ask')
    .action(
      act(async (files: readonly string[], flags: Flags) =>
        (await import('./commands/about.ts')).trust(io, files, flags),
      ),
    )
  command('Set up:', 'doctor', 'check agents, git, state and this directory, or a loop folder')
    .argument('[folder]', 'a loop folder: only whether its loop could run')
    .option('--fix', 'mend what can be mended')
    .option('--cwd <dir>', 'the directory to look at')
    .option('--timeout <time>', 'say what this time limit for agents means', duration('--timeout'))
    .option('--json', 'print JSON')
    .action(
      act(async (folder: string | undefined, flags: Flags) =>
        folder === undefined
          ? (await import('./commands/doctor.ts')).doctor(io, flags)
          : (await import('./commands/folder.ts')).folderStatus(io, folder, flags, true),
      ),
    )
  command('Set up:', 'instructions', 'print what a coding agent has to know to work with loopwright')
    .option('--prompts', 'print prompts for people to copy instead')
    .action(act(async (flags: Flags) => (await import('./commands/about.ts')).instructions(io, flags)))
  const mcp = command('Set up:', 'mcp', 'serve loops to other agents by the Model Context Protocol').helpCommand(false)
  mcp
    .command('serve')
    .summary('serve one client on standard input and output, or several on HTTP')
    .description(
      'Serve one client on standard input and output, which is what an MCP client starts; or several on HTTP.',
    )
    .option('--http', 'serve on HTTP, for clients that have the token')
    .option('--host <name>', 'http: listen here (default: 127.0.0.1, this machine alone)')
    .option('--port <n>', 'http: the port (default: 4180; 0: any that is free)', whole('--port', 0))
    .option('--allow-host <name>', 'http: another name that requests may come for (repeatable)', list)
    .action(act(async (flags: Flags) => (await import('./commands/mcp.ts')).serve(io, flags)))
  mcp
    .command('install')
    .summary('put the server into the configuration of an MCP client')
    .description('Show what has to stand in the configuration of an MCP client, and write it.')
    .requiredOption('--client <name>', mcpClients.join(', '), choice('--client', mcpClients))
    .option('--scope <scope>', 'user (the default) or project', choice('--scope', ['user', 'project']))
    .option('-y, --yes', 'do not ask')
    .action(act(async (flags: Flags) => (await import('./commands/mcp-install.ts')).install(io, flags)))
  command('Set up:', 'completion', 'print a completion script for your shell')
    .argument('<shell>', 'bash, zsh or fish', choice('completion', ['bash', 'zsh', 'fish']))
    .action(act(async (shell: string) => (await import('./completion.ts')).completion(io, program, shell)))

  program
    .command('demo', { hidden: true })
    .description('Show the goal loop on a small repository, with scripted agents.')
    .action(act(async () => (await import('./demo.ts')).demo(io)))
  program
    .command('drive', { hidden: true })
    .description('Drive a run in this process.')
    .argument('<run>')
    .action(act(async (run: string) => (await import('./commands/steer.ts')).drive(io, run)))
  return program
}

function withRunFlags(command: Command): Command {
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

function withCaps(command: Command): Command {
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

function withShow(command: Command): Command {
  return command
    .option('--json', 'print the result as one JSON object')
    .option('--progress', 'one JSON line per iteration on standard error')
    .option('--quiet', 'no progress')
}

function withDetach(command: Command): Command {
  return command.option('--detach', 'run in the background: print the id and how to follow it')
}
