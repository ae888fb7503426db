import { randomBytes } from 'node:crypto'
import { constants } from 'node:fs'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { LoopwrightError } from '../core/errors.ts'
import { ensureHome, isCode, readOptional } from './paths.ts'

/** Where the secret of our servers is kept; readable by its owner alone. */
export function tokenFile(home: string): string {
  return join(home, 'token')
}

/** The secret of our servers; empty when there is none. Throws `bad_input` for one that others can read. */
export async function readToken(home: string): Promise<string> {
  const path = tokenFile(home)
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

/** The secret of our servers, made when there is none. */
export async function ensureToken(home: string): Promise<string> {
  await ensureHome(home)
  const there = await readToken(home)
  if (there !== '') return there
  const path = tokenFile(home)
  const token = randomBytes(32).toString('base64url')
  try {
    const file = await open(
      path,
      constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW,
      0o600,
    )
    try {
      await file.writeFile(`${token}\n`)
      await file.sync()
    } finally {
      await file.close()
    }
    return token
  } catch (error) {
    // Another server made it at this moment.
    if (isCode(error, 'EEXIST') && ((await readOptional(path)) ?? '').trim() !== '') return await readToken(home)
    throw new LoopwrightError('bad_input', `${path}: the secret cannot be written`, {
      hint: 'delete the file if it is empty',
      cause: error,
    })
  }
}
