import { chmodSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { scratch } from '../../test/fixtures/repo.ts'
import { ensureSigningKey, ensureToken, readToken } from './server-token.ts'

test('a secret is made once, for its owner alone, and the key is another one than the token', async () => {
  using folder = scratch()
  const home = join(folder.path, 'home')
  const [token, key] = [await ensureToken(home), await ensureSigningKey(home)]
  expect(key).toHaveLength(32)
  expect(await ensureToken(home)).toBe(token)
  expect(await readToken(home)).toBe(token)
  expect(await ensureSigningKey(home)).toEqual(key)
  for (const name of ['token', 'signing-key']) expect(statSync(join(home, name)).mode & 0o777).toBe(0o600)
  expect(readFileSync(join(home, 'signing-key'), 'utf8')).not.toContain(token)
  // Several servers that start at once take the same one.
  rmSync(join(home, 'signing-key'))
  const all = await Promise.all([1, 2, 3, 4].map(() => ensureSigningKey(home)))
  const made = await ensureSigningKey(home)
  expect(all).toEqual([made, made, made, made])
  expect(readdirSync(home).sort()).toEqual(['signing-key', 'token'])
})

test('a key that others can read, that is none, or that lies elsewhere is refused', async () => {
  using folder = scratch()
  const home = join(folder.path, 'home')
  await ensureSigningKey(home)
  const path = join(home, 'signing-key')
  chmodSync(path, 0o640)
  await expect(ensureSigningKey(home)).rejects.toThrow('others can read this secret')
  chmodSync(path, 0o600)
  writeFileSync(path, 'short\n')
  await expect(ensureSigningKey(home)).rejects.toThrow('this is no key')
  rmSync(path)
  writeFileSync(join(folder.path, 'else'), 'x', { mode: 0o600 })
  symlinkSync(join(folder.path, 'else'), path)
  await expect(ensureSigningKey(home)).rejects.toThrow('cannot be read')
})
