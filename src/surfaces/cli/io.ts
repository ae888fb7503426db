/** A stream to write to, as a terminal or a pipe is. */
export interface Out extends NodeJS.WritableStream {
  readonly isTTY?: boolean
  readonly columns?: number
  readonly rows?: number
}

/** Everything the command line has of the world, so that a test can be one. */
export interface Io {
  readonly stdout: Out
  readonly stderr: Out
  readonly stdin: AsyncIterable<Uint8Array | string> & { readonly isTTY?: boolean }
  readonly env: Readonly<Record<string, string | undefined>>
  readonly cwd: string
  /** Calls back for Ctrl+C and for being told to end, with how often that happened; returns the way to stop listening. */
  onInterrupt(heard: (times: number) => void): () => void
  /** Ends the process at once. */
  exit(code: number): void
  /** Aborted when nobody reads our output any more. */
  readonly unread: AbortSignal
}

/** Writes lines of a result. */
export function print(io: Io, text: string): void {
  io.stdout.write(`${text}\n`)
}

const aboveView = new WeakMap<Io, (text: string) => void>()

/** Writes lines of progress; while a live view is shown, above it. */
export function note(io: Io, text: string): void {
  const put = aboveView.get(io)
  if (put) put(text)
  else io.stderr.write(`${text}\n`)
}

/** Lets `put` write the lines of progress, because something is drawn where they would go; returns the way back. */
export function noteThrough(io: Io, put: (text: string) => void): () => void {
  aboveView.set(io, put)
  return () => aboveView.delete(io)
}

/** True when there is a person at a terminal who can be asked. */
export function canAsk(io: Io): boolean {
  return io.stdin.isTTY === true && io.stderr.isTTY === true
}

export interface Style {
  readonly bold: (text: string) => string
  readonly dim: (text: string) => string
  readonly red: (text: string) => string
  readonly green: (text: string) => string
  readonly yellow: (text: string) => string
  readonly cyan: (text: string) => string
}

/** Colours for a stream: NO_COLOR never, FORCE_COLOR always, else when it is a terminal that can. */
export function styleOf(env: Io['env'], out: Pick<Out, 'isTTY'>): Style {
  const set = (name: string) => (env[name] ?? '') !== ''
  const forced = set('FORCE_COLOR') ? env.FORCE_COLOR !== '0' && env.FORCE_COLOR !== 'false' : undefined
  const on = set('NO_COLOR') ? false : (forced ?? (out.isTTY === true && env.TERM !== 'dumb'))
  const paint = (open: number, close: number) => (text: string) =>
    on && text !== '' ? `\u001B[${open}m${text}\u001B[${close}m` : text
  return {
    bold: paint(1, 22),
    dim: paint(2, 22),
    red: paint(31, 39),
    green: paint(32, 39),
    yellow: paint(33, 39),
    cyan: paint(36, 39),
  }
}
