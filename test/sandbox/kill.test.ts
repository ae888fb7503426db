import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { hasProc } from '../../src/process/table.ts'
import { figures, percentile } from './figures.ts'
import { killOnce, until } from './kill-once.ts'
import { shapes, stand } from './tree-shapes.ts'

const directory = mkdtempSync(join(tmpdir(), 'kill-'))
const times: number[] = []

afterAll(() => {
  rmSync(directory, { recursive: true, force: true })
  if (times.length > 0) console.log(`all shapes, hard kill: ${figures(times)}`)
})

const killsPerShape = 100
const deathsPerShape = 10

test.runIf(hasProc).each(shapes)('nothing is left of $name', async (shape) => {
  const own: number[] = []
  for (let kill = 0; kill < killsPerShape; kill++) {
    const { ms, survivors, alive } = await killOnce(shape, directory)
    own.push(ms)
    expect({ kill, survivors, alive }).toEqual({ kill, survivors: [], alive: [] })
  }
  times.push(...own)
  console.log(`${shape.name}: ${figures(own)}`)
})

test.runIf(hasProc).each(shapes)('nothing is left of $name, killed while it comes up', async (shape) => {
  for (let kill = 0; kill < 40; kill++) {
    const { survivors, alive } = await killOnce(shape, directory, { afterMs: kill })
    expect({ kill, survivors, alive }).toEqual({ kill, survivors: [], alive: [] })
  }
})

test.runIf(hasProc)('a hard kill takes at most half a second, in 95 of 100', () => {
  expect(times.length).toBe(shapes.length * killsPerShape)
  expect(percentile(times, 95)).toBeLessThanOrEqual(500)
})

const supervisor = JSON.stringify(new URL('../../src/process/supervise.ts', import.meta.url).href)

test.runIf(hasProc).each(shapes)('$name does not outlive an engine that was killed', async (shape) => {
  const own: number[] = []
  for (let death = 0; death < deathsPerShape; death++) {
    const { cwd, env, shell, alive } = stand(shape, directory)
    const main = join(directory, 'engine.mjs')
    writeFileSync(
      main,
      `import { supervise } from ${supervisor}\nawait supervise(${JSON.stringify({ shell, cwd, env })})\n`,
    )
    const engine = spawn(process.execPath, [main], { cwd: '/', stdio: 'ignore' })
    try {
      await until(() => alive().length >= shape.processes, `${shape.name} stands`)
    } finally {
      engine.kill('SIGKILL')
    }
    const began = performance.now()
    if (engine.exitCode === null && engine.signalCode === null) await once(engine, 'exit')
    await until(() => alive().length === 0, `the guardian ends ${shape.name}`)
    own.push(performance.now() - began)
  }
  console.log(`${shape.name}, after the engine's death: ${figures(own)}`)
})
