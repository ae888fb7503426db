import { createHmac, timingSafeEqual } from 'node:crypto'
import { z } from 'zod'
import { LoopwrightError } from '../../core/errors.ts'
import type { AskToken } from '../../core/token.ts'

/** What a token of ours begins with: no run id does. */
const mark = 'ask_'

/** One word for the open ask of a run, which nobody else can make: it names both, and is signed. */
export function signToken(key: Uint8Array, { run, ask }: AskToken): string {
  const said = Buffer.from(JSON.stringify([run, ask])).toString('base64url')
  return `${mark}${said}.${sealOf(key, said).toString('base64url')}`
}

/** What a token stands for; undefined for a word that is none, such as a run id. Throws `bad_input` for one that was altered. */
export function readSigned(key: Uint8Array, word: string): AskToken | undefined {
  if (!word.startsWith(mark)) return undefined
  const [said = '', seal = ''] = word.slice(mark.length).trim().split('.')
  const [ours, given] = [sealOf(key, said), Buffer.from(seal, 'base64url')]
  // Base64 has several spellings of the same bytes; only the one we gave is ours.
  const same = ours.length === given.length && timingSafeEqual(ours, given)
  if (!same || word.trim() !== `${mark}${said}.${ours.toString('base64url')}`) {
    throw new LoopwrightError('bad_input', 'this token is not one of ours, or it was altered', {
      hint: 'give the token as it came; orchestrate_status shows it again',
    })
  }
  const [run, ask] = named.parse(JSON.parse(Buffer.from(said, 'base64url').toString()))
  return { run, ask }
}

const named = z.tuple([z.string(), z.string()])

/** The key seals other things too: what is sealed says what it is. */
function sealOf(key: Uint8Array, said: string): Buffer {
  return createHmac('sha256', key).update(`loopwright ask\n${said}`).digest()
}
