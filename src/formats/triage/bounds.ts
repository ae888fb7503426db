import { LoopwrightError } from '../../core/errors.ts'

/** The largest file of a triage loop that is read, in UTF-8 bytes. */
export const maxTriageBytes = 1_048_576

/** Throws `bad_input` for a file that is too large to be what it should be. */
export function requireSmall(text: string, path: string, hint: string): void {
  if (text.length <= maxTriageBytes / 3) return
  if (new TextEncoder().encode(text).length <= maxTriageBytes) return
  throw new LoopwrightError('bad_input', `${path}: the file is too large, at most 1 MiB`, { hint })
}
