import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { confined } from '../../src/process/sandbox/confined.ts'
import { findSandbox } from '../../src/process/sandbox/find.ts'
import { supervise } from '../../src/process/supervise.ts'
import { figures, percentile } from './figures.ts'
import { confinementOf, killOnce, until } from './kill-once.ts'
import { shapes, stand, vanishing } from './tree-shapes.ts'

const directory = mkdtempSync(join(tmpdir(), 'confined-'))
afterAll(() => rmSync(directory, { recursive: true, force: true }))

const state = await findSandbox('bwrap', { PATH: process.env.PATH ?? '' })
if (state.problem !== undefined) console.log(`not tested in a sandbox: ${state.problem}`)
const run = confined(supervise, () => state)

test.skipIf(state.problem)('what leaves without a trace is caught in a sandbox, a hundred times', async () => {
  const times: number[] = []
  for (let kill = 0; kill < 100; kill++) {
    const { ms, survivors, alive } = await killOnce(vanishing, directory, { confined: run })
    times.push(ms)
    expect({ kill, survivors, alive }).toEqual({ kill, survivors: [], alive: [] })
  }
  console.log(`${vanishing.name}, confined: ${figures(times)}`)
  expect(percentile(times, 95)).toBeLessThanOrEqual(500)
})

test.skipIf(state.problem).each(shapes)('nothing is left of $name in a sandbox', async (shape) => {
  const times: number[] = []
  for (let kill = 0; kill < 20; kill++) {
    const { ms, survivors, alive } = await killOnce(shape, directory, { confined: run })
    times.push(ms)
    expect({ kill, survivors, alive }).toEqual({ kill, survivors: [], alive: [] })
  }
  console.log(`${shape.name}, confined: ${figures(times)}`)
})

const processes = new URL('../../src/process/', import.meta.url).href

test.skipIf(state.problem)(
  'what leaves without a trace does not outlive an engine that was killed, in a sandbox',
  async () => {
    const times: number[] = []
    for (let death = 0; death < 10; death++) {
      const { cwd, env, shell, alive } = stand(vanishing, directory)
      const main = join(directory, 'engine.mjs')
      writeFileSync(
        main,
        `import { confined } from '${processes}sandbox/confined.ts'
import { findSandbox } from '${processes}sandbox/find.ts'
import { supervise } from '${processes}supervise.ts'
const run = confined(supervise, () => findSandbox('bwrap', { PATH: process.env.PATH }))
await run(${JSON.stringify({ shell, cwd, env, confinement: confinementOf(cwd) })})
`,
      )
      const engine = spawn(process.execPath, [main], { cwd: '/', stdio: 'ignore' })
      try {
        await until(() => alive().length >= vanishing.processes, 'it stands')
      } finally {
        engine.kill('SIGKILL')
      }
      const began = performance.now()
      await until(() => alive().length === 0, 'the guardian ends it')
      times.push(performance.now() - began)
    }
    console.log(`${vanishing.name}, confined, after the engine's death: ${figures(times)}`)
  },
)
