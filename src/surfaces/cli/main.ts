import { CommanderError } from 'commander'
import { type Io, note, print } from './io.ts'
import { problemOf, problemText } from './problem.ts'
import { processIo } from './process-io.ts'
import { createProgram } from './program.ts'
import { versionOf } from './version.ts'

/** Runs one command line (without `node` and the script) and answers its exit code. Never rejects. */
export async function main(argv: readonly string[], io: Io): Promise<number> {
  try {
    if (argv[0] === '--version' || argv[0] === '-V') {
      print(io, versionOf())
      return 0
    }
    let code = 0
    const program = createProgram(io, (done) => {
      code = done
    })
    if (argv.length === 0) {
      program.outputHelp()
      return 0
    }
    await program.parseAsync([...argv], { from: 'user' })
    return code
  } catch (error) {
    // Help that was asked for ends commander too.
    if (error instanceof CommanderError && error.exitCode === 0) return 0
    if ((io.env.LOOPWRIGHT_DEBUG ?? '') !== '' && error instanceof Error) note(io, error.stack ?? '')
    const problem = problemOf(error)
    note(io, problemText(problem))
    if (argv.includes('--json')) {
      const { code, message, hint } = problem
      print(io, JSON.stringify({ completed: false, stop_reason: 'run_error', error: { code, message, hint } }))
    }
    return 2
  }
}

/** Runs the command line of this process and sets its exit code. */
export async function runAsProcess(argv: readonly string[]): Promise<void> {
  const io = processIo()
  const code = await main(argv, io)
  process.exitCode = code
  // Prompts leave the terminal's input open, and what an agent left behind must not keep us.
  await Promise.all([flushed(process.stdout), flushed(process.stderr)])
  process.exit(code)
}

function flushed(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => {
    if (stream.destroyed || stream.writableLength === 0) resolve()
    else {
      stream.once('drain', () => resolve())
      stream.once('error', () => resolve())
    }
  })
}
