import { LoopwrightError } from './errors.ts'
import type { StepKey } from './event.ts'

/** Where an answer goes: a run, and the ask that is open in it. */
export interface AskToken {
  readonly run: string
  readonly ask: StepKey
}

/** One word that stands for an ask, safe to paste into a shell: `<run>~0.2-1.4` for the ask `0/2.1:4`. */
export function encodeToken({ run, ask }: AskToken): string {
  return `${run}~${ask.replaceAll('.', '-').replace('/', '.').replace(':', '_')}`
}

/** Reads a token, or a run's id alone (`ask` is absent then). Throws `bad_input`. */
export function decodeToken(token: string): { readonly run: string; readonly ask?: StepKey } {
  const word = token.trim()
  const match = /^([A-Za-z0-9][A-Za-z0-9._-]*)(?:~([0-9]+)\.([0-9-]*)_([0-9]+))?$/.exec(word)
  const [, run, segment, path, ordinal] = match ?? []
  if (run === undefined) {
    throw new LoopwrightError('bad_input', `${JSON.stringify(word.slice(0, 60))} is not a resume token`, {
      hint: 'it is the word that run --ask printed; a run id does too',
    })
  }
  if (segment === undefined) return { run }
  return { run, ask: `${segment}/${(path ?? '').replaceAll('-', '.')}:${ordinal}` }
}
