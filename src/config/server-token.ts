import { randomBytes } from 'node:crypto'
import { constants } from 'node:fs'
import { link, open, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { LoopwrightError } from '../core/errors.ts'
import { ensureHome, isCode, readOptional } from './paths.ts'

/** How long a secret is that we make. */
const keyBytes = 32

/** Where the secret of our servers is kept; readable by its owner alone. */
export function tokenFile(home: string): string {
  return join(home, 'token')
}

/** The secret of our servers; empty when there is none. Throws `bad_input` for one that others can read. */
export async function readToken(home: string): Promise<string> {
  return await readSecret(tokenFile(home))
}

/** The secret of our servers, made when there is none. */
export async function ensureToken(home: string): Promise<string> {
  await ensureHome(home)
  return await ensureSecret(tokenFile(home))
}

/** What our servers sign what clients carry for them with; made when there is none. Stays when the token changes. */
export async function ensureSigningKey(home: string): Promise<Uint8Array> {
  await ensureHome(home)
  const path = join(home, 'signing-key')
  const key = Buffer.from(await ensureSecret(path), 'base64url')
  if (key.length >= keyBytes) return key
  throw new LoopwrightError('bad_input', `${path}: this is no key`, { hint: `delete ${path}: a new one is made` })
}

async function readSecret(path: string): Promise<string> {
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW).catch((error: unknown) => {
    if (isCode(error, 'ENOENT')) return undefined
    throw new LoopwrightError('bad_input', `${path}: cannot be read`, { cause: error })
  })
  if (!file) return ''
  try {
    const { mode } = await file.stat()
    if ((mode & 0o077) !== 0) {
      throw new LoopwrightError('bad_input', `${path}: others can read this secret`, {
        hint: `chmod 600 ${path}, or delete it: a new one is made`,
      })
    }
    return (await file.readFile('utf8')).trim()
  } finally {
    await file.close()
  }
}

async function ensureSecret(path: string): Promise<string> {
  const there = await readSecret(path)
  if (there !== '') return there
  const token = randomBytes(keyBytes).toString('base64url')
  // Whole or not at all: another server may read it at this moment.
  const beside = `${path}.${process.pid}.${randomBytes(4).toString('hex')}`
  try {
    const file = await open(beside, 'wx', 0o600)
    try {
      await file.writeFile(`${token}\n`)
      await file.sync()
    } finally {
      await file.close()
    }
    await link(beside, path).finally(() => unlink(beside))
    return token
  } catch (error) {
    // Another server made it at this moment.
    if (isCode(error, 'EEXIST') && ((await readOptional(path)) ?? '').trim() !== '') return await readSecret(path)
    throw new LoopwrightError('bad_input', `${path}: the secret cannot be written`, {
      hint: 'delete the file if it is empty',
      cause: error,
    })
  }
}
