import { z } from 'zod'
import { parseDuration } from '../duration.ts'
import { LoopwrightError } from '../errors.ts'
import type { CommandSpec } from '../ports.ts'
import { splitCommand } from '../shlex.ts'

type Context = z.core.$RefinementCtx

/** Runs a core parser inside a schema: its LoopwrightError becomes an issue that keeps the hint. */
function parsed<T>(ctx: Context, parse: () => T, path: PropertyKey[] = []): T {
  try {
    return parse()
  } catch (error) {
    if (!(error instanceof LoopwrightError)) throw error
    ctx.addIssue({ code: 'custom', message: error.message, path, params: { hint: error.hint } })
    return z.NEVER
  }
}

/** A duration in a file: a number of seconds or text as `1h30m`. Parsed to seconds. */
export const duration = z
  .union([z.number(), z.string()])
  .transform((value, ctx): number => parsed(ctx, () => parseDuration(value)))

/** A duration, or `never` (parsed to 0). */
export const durationOrNever = z.union([z.literal(['never', 0]).transform((): number => 0), duration])

/** One text or a list of them; parsed to a list. */
export const texts = z
  .union([z.string(), z.array(z.string())])
  .transform((value): string[] =>
    (typeof value === 'string' ? [value] : value).map((t) => t.trim()).filter((t) => t !== ''),
  )

const argv = z.array(z.string()).min(1, 'the command is empty')
const environment = z.record(z.string(), z.string())

const commandObject = z
  .strictObject({
    name: z.string().min(1).optional().describe('what the command is called in reports'),
    run: z
      .union([z.string(), argv])
      .optional()
      .describe('the command: one line split without a shell, or a list of words'),
    shell: z.string().trim().min(1).optional().describe('the command, run by a shell'),
    timeout: duration.optional().describe('time limit'),
    env: environment.optional().describe('added to the environment of the command'),
    argv: argv.optional().describe('the words of the command (how a stored spec writes `run`)'),
    timeoutMs: z
      .number()
      .positive()
      .optional()
      .describe('time limit in milliseconds (how a stored spec writes `timeout`)'),
  })
  .transform((value, ctx): CommandSpec => {
    const given = [value.run, value.shell, value.argv].filter((way) => way !== undefined)
    if (given.length !== 1) {
      const message = given.length === 0 ? 'the command is missing' : 'give either `run` or `shell`, not both'
      ctx.addIssue({ code: 'custom', message, params: { hint: 'for example: run: npm test' } })
      return z.NEVER
    }
    const run = value.run
    const words = typeof run === 'string' ? parsed(ctx, () => splitCommand(run), ['run']) : (run ?? value.argv)
    if (ctx.issues.length > 0) return z.NEVER
    if (words?.some((word) => word.includes('\0')) || words?.[0]?.trim() === '') {
      ctx.addIssue({ code: 'custom', message: 'the command is empty or contains a NUL character' })
      return z.NEVER
    }
    const timeoutMs = value.timeout === undefined ? value.timeoutMs : value.timeout * 1000
    return {
      ...(value.name === undefined ? {} : { name: value.name }),
      ...(words === undefined ? {} : { argv: words }),
      ...(value.shell === undefined ? {} : { shell: value.shell }),
      ...(timeoutMs === undefined ? {} : { timeoutMs }),
      ...(value.env === undefined ? {} : { env: value.env }),
    }
  })

/** One command: a line, or an object with `run` or `shell`. Parsed to a CommandSpec; what was parsed parses again to itself. */
export const command = z.union([
  z
    .string()
    .transform((line, ctx): CommandSpec => parsed(ctx, () => ({ name: line.trim(), argv: splitCommand(line) }))),
  commandObject,
])

/** One command or a list of them; parsed to a list. */
export const commands = z.union([command.transform((one): CommandSpec[] => [one]), z.array(command)])
