import type { Command } from 'commander'
import type { Io } from './io.ts'
import { list } from './values.ts'

type Flags = never
/** Makes an action of a call that answers the exit code. */
export type Act = (call: (...args: never[]) => Promise<number>) => (...args: unknown[]) => Promise<void>
/** Makes a command in a group of the help. */
export type Make = (group: string, spec: string, summary: string) => Command

/** What looks at changes, costs, levels and readiness of triage loops. */
export function addGateCommands(io: Io, command: Make, act: Act): void {
  const gate = command('Triage:', 'gate', 'rule on changes as a triage loop would').helpCommand(false)
  gate
    .command('check')
    .summary('say whether a change may be made without a human')
    .description(
      'Say whether a change may be made without a human: exit code 0 allowed, 2 a human decides, 1 refused or an error.',
    )
    .option('--action <action>', 'commit, merge or auto-merge')
    .option('--paths <a,b>', 'the changed files (default: what is changed in the working copy)', list)
    .option('--base <ref>', 'all that changed since the working copy left this branch or commit')
    .option('--gate-file <file>', "this policy, instead of the project's gate.yaml")
    .option('--json', 'print JSON')
    .action(act(async (flags: Flags) => (await import('./commands/gate.ts')).gateCheck(io, flags)))
  gate
    .command('scan')
    .summary('look for secrets, text for agents and suspicious code in a change')
    .description(
      'Look for secrets, text for agents and suspicious code in a change: exit code 0 nothing, 2 a human should look, 1 a secret or an error.',
    )
    .option('--base <ref>', 'all that changed since the working copy left this branch or commit')
    .option('--stdin', 'read a unified diff from standard input')
    .option('--json', 'print JSON')
    .action(act(async (flags: Flags) => (await import('./commands/gate.ts')).gateScan(io, flags)))
  command('Triage:', 'cost', 'estimate what patterns spend a day')
    .argument('[pattern]', 'a pattern by its id; none: all')
    .option('--cadence <cadence>', 'this one, as 5m-15m, 1d or "0 9 * * 1-5"')
    .option('--level <level>', 'L0, L1, L2 or L3 (default: triage.level, else what the pattern starts with)')
    .option('--orchestration <how>', 'single, maker-checker (the default), parallel:N or debate:R')
    .option('--conservative', 'count on the busiest cadence, and on no tick that ends early')
    .option('--with-caching', 'count on cached prompts')
    .option('--model <name>', 'for US dollars (default: the configured model)')
    .option('--list', 'all patterns, a line each')
    .option('--json', 'print JSON')
    .action(
      act(async (pattern: string | undefined, flags: Flags) =>
        (await import('./commands/cost.ts')).cost(io, pattern, flags),
      ),
    )
  command('Triage:', 'promote', 'show what speaks for a higher level of a pattern, and against it')
    .description(
      'Show what speaks for a higher level of a pattern, and against it: exit code 0 earned or written, 1 not, 2 an error.',
    )
    .argument('<pattern>', 'a pattern by its id')
    .option('--to <level>', 'this level (default: the next one)')
    .option('--apply', "write it into the project's registry, when it is earned")
    .option('--force', 'write it although it is not earned')
    .option('--reason <text>', 'why, which is recorded')
    .option('--json', 'print JSON')
    .action(
      act(async (pattern: string, flags: Flags) => (await import('./commands/promote.ts')).promote(io, pattern, flags)),
    )
  command('Triage:', 'audit', 'score how ready a project is for loops')
    .description('Score how ready a project is for loops: exit code 0 from 40 points on, 2 below, or for an error.')
    .argument('[dir]', 'the project (default: here)')
    .option('--json', 'print JSON')
    .option('--md', 'print Markdown')
    .option('--suggest', 'only what to do next')
    .option('--badge', 'print an SVG')
    .action(
      act(async (folder: string | undefined, flags: Flags) =>
        (await import('./commands/audit.ts')).audit(io, folder, flags),
      ),
    )
}
