import { Command } from 'commander'
import { mcpClients } from '../../formats/mcp-clients.ts'
import { withCaps, withDetach, withRunFlags, withShow } from './flags.ts'
import { addGateCommands } from './gate-commands.ts'
import type { Io } from './io.ts'
import { addTriageCommands } from './triage-commands.ts'
import { choice, duration, list, pairs, whole } from './values.ts'

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
    command(
      'Start:',
      'run',
      'take a goal to a verified branch or a project to health, or make a tick of a pattern',
    ).argument(
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

  addTriageCommands(io, command, act)
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
