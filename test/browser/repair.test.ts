import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { extname, join } from 'node:path'
import { expect, test } from 'vitest'
import { listProcesses, readProcess } from '../../src/process/table.ts'
import { until } from '../fixtures/engine.ts'
import { loopWorld } from '../fixtures/loops.ts'
import { git } from '../fixtures/repo.ts'

const index = `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Tea shop</title><link rel="icon" href="data:,"></head>
<body><h1>Tea shop</h1><button id="add">Add a tea</button><p id="total">nothing yet</p><script src="app.js"></script></body></html>
`
const app = `const total = document.querySelector('#total')
consol.log('the shop is open')
`
/** What the shop does once it starts at all; the prices are not there yet. */
const started = (sum: string) => `const total = document.querySelector('#total')
let teas = 0
document.querySelector('#add').onclick = async () => {
  teas++
  const { tea } = await (await fetch('prices.json')).json()
  total.textContent = ${sum}
}
`
const each = "teas + ' tea(s): ' + tea"
const right = "teas + ' tea(s): ' + teas * tea"
const agent = `replies:
  - role: fixer
    iteration: 1
    edits: [{ write: app.js, content: ${JSON.stringify(started(each))} }]
    text: "it starts\\nLESSON: a word was misspelt"
  - { role: fixer, iteration: 2, edits: [{ write: prices.json, content: '{ "tea": 450 }' }], text: the prices are there }
  - { role: fixer, iteration: 3, edits: [{ write: app.js, content: ${JSON.stringify(started(right))} }], text: it adds up }
`

/** A shop with three faults behind each other, and a server that shows it as it stands in the worktree of the run. */
async function shop(rounds: string) {
  const world = loopWorld({ 'index.html': index, 'app.js': app })
  const types: Readonly<Record<string, string>> = { '.html': 'text/html', '.js': 'text/javascript' }
  const asked: string[] = []
  const held: (() => void)[] = []
  const hold = { on: false }
  const server = createServer((request, response) => {
    const path = (request.url ?? '/').replace(/\/$/, '/index.html')
    asked.push(path)
    const trees = join(world.at, 'state', 'worktrees')
    const [run] = existsSync(trees) ? readdirSync(trees).filter((name) => /^\d{8}-/.test(name)) : []
    const file = join(trees, run ?? '', 'work', path)
    const answer = () => {
      const there = existsSync(file)
      response.writeHead(there ? 200 : 404, { 'content-type': types[extname(path)] ?? 'application/json' })
      response.end(there ? readFileSync(file) : 'not there')
    }
    if (hold.on && path === '/app.js') held.push(answer)
    else answer()
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
  world.loop(
    `mission: "three teas cost 1350"
${rounds}
stages:
  play:
    browser:
      url: ${url}
      steps:
        - screenshot: shop
        - click: "#add"
        - click: "#add"
        - click: "#add"
        - expect: { text: "3 tea(s): 1350", selector: "#total" }
      viewport: { width: 600, height: 300 }
      timeout: 6s
  fix: { agent: "" }
  verify: { shell: "test -s app.js" }
agent: scripted:${world.folder}/agent.yaml
`,
    { 'agent.yaml': agent },
  )
  return {
    ...world,
    asked,
    hold,
    release() {
      hold.on = false
      for (const answer of held.splice(0)) answer()
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((done) => server.close(done))
      world[Symbol.dispose]()
    },
  }
}

test('a broken page is found by playing it, and mended round by round', async () => {
  await using world = await shop('rounds: 5')
  const { code, result, err } = await world.run()
  expect(code, err).toBe(0)
  expect(result).toMatchObject({
    completed: true,
    iterations: 4,
    workspace: { changed_files: ['app.js', 'prices.json'] },
  })
  const plays = [1, 2, 3, 4].map((round) => {
    const play = world.round(round).stages.find(({ stage }) => stage === 'play')
    if (play === undefined) throw new Error(`round ${round} has no play`)
    return play
  })
  expect(plays[0]).toMatchObject({
    ok: false,
    output: expect.stringMatching(/page_error: .*consol is not defined/),
  })
  expect(plays[1]?.output).toMatch(/failed_request: GET \S*prices\.json: 404/)
  expect(plays[2]).toMatchObject({
    ok: false,
    error: expect.stringContaining('expected text "3 tea(s): 1350" in #total, but saw "3 tea(s): 450"'),
  })
  expect(plays[3]).toMatchObject({ ok: true, error: null })
  // Pictures lie beside the report of their round, whole ones.
  for (const [at, { screenshots = [] }] of plays.entries()) {
    expect(screenshots.length, `round ${at + 1}`).toBe(2)
    for (const picture of screenshots) {
      expect(picture).toMatch(new RegExp(`^round-${at + 1}/.*\\.png$`))
      const bytes = readFileSync(join(world.folder, 'artifacts', picture))
      expect([bytes.readUInt32BE(16), bytes.readUInt32BE(20)]).toEqual([600, 300])
    }
  }
  const { run_id } = result
  expect(world.read(`logs/${run_id}/round1_play.log`)).toContain('consol is not defined')
  expect(world.read('knowledge/lessons.md')).toContain('a word was misspelt')
  expect(git(world.project, 'show', `loopwright/${run_id}:app.js`)).toContain('teas * tea')

  const page = join(world.at, 'report.html')
  expect(await world.type('report', run_id, '--out', page)).toMatchObject({ code: 0 })
  const html = readFileSync(page, 'utf8')
  expect(html.match(/src="data:image\/png;base64,/g)).toHaveLength(8)
  expect(html).toContain('consol is not defined')
  expect(html).toContain('three teas cost 1350')
})

/** The processes that this one started, and theirs. */
function below(pid: number): ReturnType<typeof listProcesses> {
  const all = listProcesses()
  const of = (parent: number): typeof all =>
    all.filter((row) => row.parent === parent).flatMap((row) => [row, ...of(row.pid)])
  return of(pid)
}

test('killed while the browser plays, the repair goes on after a resume, and no browser is left', async () => {
  await using world = await shop('rounds: 5')
  world.hold.on = true
  const driver = world.start('run', world.folder, '--quiet')
  await until('the page is asked for', () => world.asked.includes('/app.js'))
  const beat = await world.beats('the browser plays', ({ step }) => step === 'play')
  expect(beat).toMatchObject({ status: 'running', round: 1, log_path: expect.stringContaining('round1_play.log') })
  const started = below(driver.pid ?? 0)
  expect(started.length).toBeGreaterThan(3)
  driver.kill('SIGKILL')
  await driver.ended
  expect(await world.status()).toMatchObject({ status: 'interrupted', heartbeat: { step: 'play' } })
  await until('nothing of the run is left', () =>
    started.every(({ pid, started: at }) => readProcess(pid)?.started !== at),
  )
  world.release()
  const ended = await world.type('resume', beat.run_id, '--json', '--quiet')
  expect(ended.code, ended.err).toBe(0)
  expect(JSON.parse(ended.out)).toMatchObject({ completed: true, iterations: 4 })
  const marks = world.read('progress.md').match(/<!-- \S+ \d+ -->/g) ?? []
  expect(new Set(marks).size).toBe(marks.length)
})
