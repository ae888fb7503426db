import { mkdtemp, readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { OutputFile } from './output-file.ts'

const redact = (text: string) => text.replaceAll('hunter2hunter2', '[redacted]')

async function written(chunks: readonly (string | Uint8Array)[], cap = 1_000_000): Promise<string> {
  const path = join(await mkdtemp(join(tmpdir(), 'loopwright-')), 'out')
  const file = await OutputFile.open(path, cap, redact)
  for (const chunk of chunks) await file.write(typeof chunk === 'string' ? Buffer.from(chunk) : chunk)
  await file.close()
  return await readFile(path, 'utf8')
}

test('a secret does not reach the file, even when it comes in pieces', async () => {
  expect(await written(['key=hunt', 'er2hun', 'ter2\nnext'])).toBe('key=[redacted]\nnext')
})

test('a line that never ends is written in pieces', async () => {
  const long = 'x'.repeat(200_000)
  expect(await written([long])).toBe(long)
})

test('bytes that are no text, and characters cut in two, do no harm', async () => {
  const snowman = Buffer.from('☃\n')
  expect(await written([snowman.subarray(0, 1), snowman.subarray(1), Uint8Array.of(0xff, 0x0a)])).toBe('☃\n\ufffd\n')
})

test('the cap holds for what is written, not for what came in', async () => {
  expect(await written(['hunter2hunter2 and more\n'], 10)).toContain('[redacted]\n[output cut after 10 bytes')
})
