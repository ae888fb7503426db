import { LoopwrightError } from '../core/errors.ts'
import { oneLine } from '../core/plain.ts'
import type { CommandResult, RunCommand } from '../core/ports.ts'
import type { Forge } from '../core/triage/ports.ts'
import { type ApiAnswer, forgeError, Unreachable } from './calls.ts'
import { type GithubOptions, github } from './github.ts'

export interface GithubGhOptions extends GithubOptions {
  /** Runs `gh`, never in a shell. Its environment has PATH, HOME, and what `gh` needs to find its login. */
  readonly run: RunCommand
  /** Where `gh` runs; not the project, whose files are none of its business. */
  readonly cwd: string
  /** `gh` by default. */
  readonly program?: string
  /** `github.com` by default. */
  readonly host?: string
  /** Milliseconds for one request; 60,000 by default. */
  readonly timeoutMs?: number
}

const mostChars = 16 * 1024 * 1024

/** Nobody is asked anything, nothing is coloured, and no news of a newer `gh` is printed. */
export const quietGh: Readonly<Record<string, string>> = {
  GH_PROMPT_DISABLED: '1',
  GH_NO_UPDATE_NOTIFIER: '1',
  GH_DEBUG: '',
  GH_PAGER: 'cat',
  NO_COLOR: '1',
}

/** GitHub by its own program, with the login that is kept there. */
export function githubGh(options: GithubGhOptions): Forge {
  const { run, cwd, program = 'gh', host = 'github.com', timeoutMs = 60_000 } = options
  const signal = options.signal ?? new AbortController().signal
  return github(options, async ({ method, path, body }) => {
    const argv = [program, 'api', '--include', '--hostname', host, '--method', method]
    argv.push('-H', 'X-GitHub-Api-Version: 2022-11-28', ...(body === undefined ? [] : ['--input', '-']), path.slice(1))
    const seen = await run(
      { name: 'gh api', argv, env: quietGh, timeoutMs },
      { cwd, signal, tailChars: mostChars, ...(body === undefined ? {} : { stdin: JSON.stringify(body) }) },
    )
    signal.throwIfAborted()
    return answerOf(seen)
  })
}

/** `gh api --include` prints the status line, the headers and the body, for a refusal too. */
function answerOf(seen: CommandResult): ApiAnswer {
  const found = /^HTTP\/[\d.]+ (\d{3})[^\n]*\n((?:[^\r\n]+\r?\n)*)\r?\n/.exec(seen.stdout)
  if (found === null) throw noAnswer(seen)
  const [head = '', status = '', fields = ''] = found
  const headers: Record<string, string> = {}
  for (const field of fields.split('\n')) {
    const at = field.indexOf(':')
    if (at > 0) headers[field.slice(0, at).toLowerCase()] = field.slice(at + 1).trim()
  }
  return { status: Number(status), headers, text: seen.stdout.slice(head.length) }
}

function noAnswer(seen: CommandResult): Error {
  if (seen.error !== undefined && seen.exitCode === null && !seen.timedOut) {
    return new LoopwrightError('missing_tool', `gh could not be run: ${oneLine(seen.error, 300)}`, {
      hint: 'https://cli.github.com, or give a GITHUB_TOKEN',
    })
  }
  if (seen.stdout.length >= mostChars) return forgeError('GitHub answered far more than we asked for', { status: 200 })
  // 4 is what gh ends with when nobody is logged in.
  if (seen.exitCode === 4) return forgeError('gh is not logged in', { status: 401 }, 'gh auth login')
  return new Unreachable(seen.error ?? (oneLine(seen.stderr, 300) || `gh ended with exit code ${seen.exitCode}`))
}
