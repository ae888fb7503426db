import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { type Supervised, type SuperviseOptions, supervise } from '../../src/process/supervise.ts'

const directory = mkdtempSync(join(tmpdir(), 'flood-'))
afterAll(() => rmSync(directory, { recursive: true, force: true }))

const supervisor = JSON.stringify(new URL('../../src/process/supervise.ts', import.meta.url).href)
const env = { PATH: process.env.PATH ?? '' }
const mebi = 1024 ** 2

/** What an engine of its own, which does nothing else, saw of a process. */
interface Seen extends Supervised {
  readonly peakMiB: number
  readonly idleMiB: number
  readonly text: number
}

async function inEngine(name: string, options: Omit<SuperviseOptions, 'cwd' | 'env'>): Promise<Seen> {
  const main = join(directory, `${name}.mjs`)
  writeFileSync(
    main,
    `import { supervise } from ${supervisor}
const peak = () => Math.round(process.resourceUsage().maxRSS / 1024)
const idleMiB = peak()
let text = 0
const seen = await supervise({ ...${JSON.stringify({ ...options, cwd: directory, env })}, onStdout: (part) => { text += part.length } })
console.log(JSON.stringify({ ...seen, stdout: '', stderr: '', peakMiB: peak(), idleMiB, text }))
`,
  )
  const ran = await supervise({ argv: [process.execPath, main], cwd: directory, env, timeoutMs: 280_000 })
  expect(ran).toMatchObject({ exitCode: 0, stderr: '' })
  const seen: Seen = JSON.parse(ran.stdout)
  const seconds = (seen.durationMs / 1000).toFixed(1)
  console.log(
    `${name}: ${seen.bytes} bytes in ${seconds} s, engine at most ${seen.peakMiB} MiB (${seen.idleMiB} MiB before)`,
  )
  return seen
}

const tenGigabytes = 10_000_000_000

test('10 GB of output leave the engine small and the file at its cap', async () => {
  const outputPath = join(directory, 'ten.log')
  const outputCapBytes = 64 * mebi
  const shell = `head -c ${tenGigabytes} /dev/zero`
  const seen = await inEngine('ten', { shell, outputPath, outputCapBytes, floodBytes: 2 * tenGigabytes })
  expect(seen).toMatchObject({ exitCode: 0, bytes: tenGigabytes, text: tenGigabytes, flooded: false })
  expect(seen.peakMiB).toBeLessThanOrEqual(150)
  expect(statSync(outputPath).size).toBeLessThanOrEqual(outputCapBytes * 1.1)
})

test('10 GB of lines on both streams do so too', async () => {
  const shell = 'yes "a line of output" | head -c 5000000000 & yes | head -c 5000000000 >&2; wait'
  const seen = await inEngine('lines', { shell, floodBytes: 2 * tenGigabytes })
  expect(seen).toMatchObject({ exitCode: 0, bytes: tenGigabytes, flooded: false })
  expect(seen.peakMiB).toBeLessThanOrEqual(150)
})

test('a flood is ended at its cap, and what it prints while it is ended is not taken', async () => {
  const outputPath = join(directory, 'flood.log')
  const floodBytes = 1024 ** 3
  const seen = await inEngine('flood', {
    shell: 'trap "" TERM PIPE; while :; do yes; done',
    outputPath,
    outputCapBytes: 2 * floodBytes,
  })
  expect(seen).toMatchObject({ flooded: true, timedOut: false, aborted: false })
  expect(seen.survivors).toBeUndefined()
  expect(seen.bytes).toBeLessThanOrEqual(floodBytes * 1.1)
  expect(seen.text).toBeLessThanOrEqual(floodBytes * 1.1)
  expect(statSync(outputPath).size).toBeLessThanOrEqual(floodBytes * 1.1)
  expect(seen.peakMiB).toBeLessThanOrEqual(150)
  rmSync(outputPath)
})

test('ten at once share the memory of one engine', async () => {
  const main = join(directory, 'ten-at-once.mjs')
  writeFileSync(
    main,
    `import { supervise } from ${supervisor}
const start = { shell: 'yes | head -c 200000000', cwd: '.', env: { PATH: '/usr/bin:/bin' } }
const seen = await Promise.all(Array.from({ length: 10 }, () => supervise(start)))
console.log(JSON.stringify({ bytes: seen.map((one) => one.bytes), peakMiB: Math.round(process.resourceUsage().maxRSS / 1024) }))
`,
  )
  const ran = await supervise({ argv: [process.execPath, main], cwd: directory, env })
  const { bytes, peakMiB } = JSON.parse(ran.stdout)
  console.log(`ten at once, 200 MB each: engine at most ${peakMiB} MiB`)
  expect(bytes).toEqual(Array.from({ length: 10 }, () => 200_000_000))
  expect(peakMiB).toBeLessThanOrEqual(150)
})
