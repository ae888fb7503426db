import { withDetach, withShow } from './flags.ts'
import type { Act, Make } from './gate-commands.ts'
import type { Io } from './io.ts'
import { list, whole } from './values.ts'

type Flags = never

/** What plans, runs, schedules and decides about triage loops. */
export function addTriageCommands(io: Io, command: Make, act: Act): void {
  command('Triage:', 'list', 'list the patterns of this project, and those that come with loopwright')
    .option('--json', 'print JSON')
    .action(act(async (flags: Flags) => (await import('./commands/triage.ts')).listPatterns(io, flags)))
  command('Triage:', 'plan', 'show what a tick of a pattern would do, may do and may cost')
    .argument('<pattern>', 'a pattern by its id')
    .option('--level <level>', 'L0, L1, L2 or L3 (default: triage.level, else what the pattern starts with)')
    .option('--json', 'print JSON')
    .action(
      act(async (pattern: string, flags: Flags) =>
        (await import('./commands/triage.ts')).planPattern(io, pattern, flags),
      ),
    )
  command('Triage:', 'start', 'begin ticks as they are due, until Ctrl-C')
    .argument('[patterns...]', "patterns by their ids; none: all of the project's registry")
    .option('--level <level>', 'L0, L1, L2 or L3 (default: triage.level, else what each pattern starts with)')
    .option(
      '--time-zone <zone>',
      "the zone of cron expressions, as Europe/Berlin (default: triage.timezone, else this machine's)",
    )
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
    .option('--level <level>', 'go no further than this: L0, L1, L2 or L3')
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
}
