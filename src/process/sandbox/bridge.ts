import { spawn } from 'node:child_process'
import { connect, createServer } from 'node:net'
import { constants } from 'node:os'

/**
 * Runs inside a sandbox without a network: listens on ports of its own loopback, leads each to a socket file from outside, and runs a command.
 * `node bridge.ts PORT=SOCKET … -- COMMAND ARGS…`. It stands alone: it imports nothing of ours, since nothing of ours need be visible there.
 */
async function main(args: readonly string[]): Promise<void> {
  const split = args.indexOf('--')
  const [command, ...rest] = args.slice(split + 1)
  if (split < 0 || command === undefined) return fail('no command')
  for (const lead of args.slice(0, split)) {
    const at = lead.indexOf('=')
    await listen(Number(lead.slice(0, at)), lead.slice(at + 1))
  }
  // Whoever ends us signals every process of the tree, the command among them; we go when it goes.
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGQUIT'] as const) process.on(signal, () => undefined)
  const child = spawn(command, rest, { stdio: 'inherit' })
  child.on('error', (error) => fail(`cannot start ${command}: ${error.message}`))
  child.on('exit', (code, signal) => process.exit(code ?? 128 + (signal === null ? 0 : constants.signals[signal])))
}

function listen(port: number, path: string): Promise<void> {
  const server = createServer({ allowHalfOpen: true }, (inner) => {
    const outer = connect({ path, allowHalfOpen: true })
    const end = () => {
      inner.destroy()
      outer.destroy()
    }
    inner.on('error', end).pipe(outer).on('error', end).pipe(inner)
  })
  return new Promise((resolve) => {
    server.on('error', (error) => fail(`cannot listen on port ${port} of the sandbox: ${error.message}`))
    server.listen(port, '127.0.0.1', resolve)
  })
}

function fail(message: string): void {
  process.stderr.write(`loopwright: ${message}\n`)
  process.exit(125)
}

await main(process.argv.slice(2))
