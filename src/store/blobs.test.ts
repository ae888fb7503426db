import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import type { Blobs } from '../core/ports.ts'
import { fileBlobs, memoryBlobs } from './blobs.ts'

function folder(): string {
  const directory = mkdtempSync(join(tmpdir(), 'loopwright-blobs-'))
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}

const kinds: [string, () => Blobs][] = [
  ['file', () => ((root) => fileBlobs({ folder: (run) => join(root, run) }))(folder())],
  ['memory', memoryBlobs],
]

test.each(kinds)(
  '%s blobs: a text comes back as it was, and the same text has the same reference in every run',
  async (_, open) => {
    const blobs = open()
    const text = JSON.stringify('ü\u0000'.repeat(1000))
    const ref = await blobs.put('a', text)
    expect(ref).toMatchObject({ path: `blobs/${ref.hash}.json`, bytes: Buffer.byteLength(text) })
    expect(await blobs.put('a', text)).toEqual(ref)
    expect(await blobs.put('b', text)).toEqual(ref)
    expect(await blobs.get('a', ref)).toBe(text)
  },
)

test.each(kinds)('%s blobs: one that is gone, changed or points elsewhere is not_found', async (_, open) => {
  const blobs = open()
  const ref = await blobs.put('a', '"x"')
  const wrong = [
    { run: 'b', ref },
    { run: 'a', ref: { ...ref, hash: '0'.repeat(64) } },
    { run: 'a', ref: { ...ref, path: '../../etc/passwd' } },
    { run: 'a', ref: { ...ref, path: `blobs/${'0'.repeat(64)}.json` } },
  ]
  for (const each of wrong) await expect(blobs.get(each.run, each.ref)).rejects.toMatchObject({ code: 'not_found' })
})

test('a blob is one file for its owner alone; writing it again mends a damaged one', async () => {
  const root = folder()
  const blobs = fileBlobs({ folder: () => root })
  const ref = await blobs.put('a', '"x"')
  const path = join(root, ref.path)
  expect(statSync(path).mode & 0o777).toBe(0o600)
  writeFileSync(path, '"y"')
  await expect(blobs.get('a', ref)).rejects.toMatchObject({ code: 'not_found' })
  await blobs.put('a', '"x"')
  expect(await blobs.get('a', ref)).toBe('"x"')
  expect(readdirSync(join(root, 'blobs'))).toHaveLength(1)
})

test('a folder that cannot be made is store_readonly', async () => {
  const root = folder()
  writeFileSync(join(root, 'file'), '')
  const blobs = fileBlobs({ folder: () => join(root, 'file', 'run') })
  await expect(blobs.put('a', '"x"')).rejects.toMatchObject({ code: 'store_readonly' })
})
