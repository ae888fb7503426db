import { PassThrough } from 'node:stream'
import type { Io } from '../../src/surfaces/cli/io.ts'

/** A world without a terminal for tests: what was written can be read, and keys can be pressed. */
export interface FakeIo extends Io {
  readonly out: () => string
  readonly err: () => string
  readonly interrupt: () => void
  readonly exits: readonly number[]
}

export function fakeIo(
  options: Partial<Pick<Io, 'env' | 'cwd'>> & { readonly input?: string | Uint8Array } = {},
): FakeIo {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()]
  const [out, err]: [string[], string[]] = [[], []]
  stdout.on('data', (part: Buffer) => out.push(part.toString()))
  stderr.on('data', (part: Buffer) => err.push(part.toString()))
  const heard = new Set<(times: number) => void>()
  const exits: number[] = []
  let times = 0
  return {
    stdout,
    stderr,
    stdin: (async function* () {
      if (options.input !== undefined) yield options.input
    })(),
    env: options.env ?? {},
    cwd: options.cwd ?? '/',
    unread: new AbortController().signal,
    onInterrupt(call) {
      heard.add(call)
      return () => heard.delete(call)
    },
    exit: (code) => exits.push(code),
    exits,
    interrupt() {
      times++
      for (const call of heard) call(times)
    },
    out: () => out.join(''),
    err: () => err.join(''),
  }
}
