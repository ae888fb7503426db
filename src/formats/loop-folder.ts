import { guessCheck } from '../core/project.ts'

export interface LoopFolderInput {
  /** What shall be healthy in the end; absent: a mission to be filled in. */
  readonly mission?: string
  /** The project, absolute or from the folder. */
  readonly projectRoot: string
  /** What is known of the project: the names of the files at its top, the scripts of its package.json. */
  readonly projectFacts?: {
    readonly files: readonly string[]
    readonly scripts?: Readonly<Record<string, unknown>>
  }
}

/** A file of a loop folder; its path is relative, with `/`. */
export interface LoopFolderFile {
  readonly path: string
  readonly text: string
}

const anyMission = 'Keep the project healthy: its checks pass, and it does what its users need.'

/** The files a loop folder begins with. */
export function loopFolderFiles({ mission, projectRoot, projectFacts }: LoopFolderInput): LoopFolderFile[] {
  const wanted = mission?.trim() || anyMission
  const verify = guessCheck(projectFacts?.files ?? [], projectFacts?.scripts)
  return [
    { path: 'loop.yaml', text: loopFile(wanted, projectRoot, verify) },
    { path: '.gitignore', text: gitignore },
    { path: 'mission.md', text: missionPage(wanted) },
    { path: 'loop_contract.md', text: contractPage },
    { path: 'eval_criteria.md', text: criteriaPage },
    { path: 'knowledge/README.md', text: knowledgePage },
    { path: 'output/README.md', text: outputPage },
  ]
}

function loopFile(mission: string, projectRoot: string, verify: string | undefined): string {
  const noVerify = `{ name: verify, shell: "echo 'say in loop.yaml how it is verified' >&2; exit 1" }   # TODO: your tests`
  return `# A repair loop: play, scan, fix, verify, baseline, improve, until the project is healthy. Every field: docs/repair.md.
kind: repair
mission: ${yamlText(mission)}
project: ${JSON.stringify(projectRoot)}
folder: .                           # this folder: where heartbeat.json, logs and reports go
rounds: 10

stages:
  # Commands run in the project. A line is split into words; { shell: "…" } goes through a shell. What exits with 0 passed.
  # play: node scripts/smoke.js     # uses the thing as a person would; or { browser: { url: …, steps: […] } }
  # scan: npx eslint .              # looks for what is wrong
  fix: { agent: "Mend what failed. Find the cause first." }    # when play, scan or the last verify failed
  verify: ${verify === undefined ? noVerify : JSON.stringify(verify)}
  # improve: { agent: "Make it faster without changing what it does." }    # when only the baseline fails

# baseline:                         # a number, and what is wanted of it
#   command: node scripts/bench.js  # prints it
#   metric: score
#   regex: score=([0-9.]+)          # or json: a.b, or nothing for the last number
#   direction: ">="
#   value: 0.9
#   tolerance: 2%

limits:
  commandTimeout: 15m
  stall: 5m                         # neither output nor work for so long
  consecutiveFailures: 3            # more failed rounds in a row: blocked

# changes:                          # what may change
#   deny: ["test/**"]
#   maxFiles: 20

# agent: claude-code                # absent: the one that is found
# budget: { duration: 2h, cost: 5 }
`
}

/** A text for YAML: as a block where it has lines, else quoted. */
function yamlText(text: string): string {
  const plain = /^[\x20-\x7e\n\u00a0-\ud7ff\ue000-\ufefe]*$/.test(text) && !/^\s|\n\s*\n\s|[\u2028\u2029]/.test(text)
  if (!text.includes('\n') || !plain) return JSON.stringify(text)
  return `|\n${text
    .split('\n')
    .map((line) => `  ${line.trimEnd()}`)
    .join('\n')}`
}

/** What a run derives from its journal is not committed; lessons are. */
const gitignore = 'heartbeat.json\nprogress.md\nlogs/\nartifacts/\n.loopwright.lock*\n'

const missionPage = (mission: string) => `# Mission

## Objective

${mission}

## Not wanted

- Anything that is not needed for the objective: no rewrites, no new features, no changed interfaces.
- Tests or checks that are weakened, skipped or removed so that they pass.

## Done

The loop is done when its code says so: see [eval_criteria.md](eval_criteria.md). Nobody declares it.

The loop is led by \`mission\` in loop.yaml: change it there when you change it here.
`

const contractPage = `# How this loop works

A round goes through these stages, in this order:

1. **play**: the thing is used as a person would use it.
2. **scan**: what is wrong is looked for, by linters, type checks, searches.
3. **fix**: runs when play or scan failed, or verify did at the end of the round before. Told what failed, and what earlier rounds taught.
4. **verify**: a command decides whether it is repaired. What a fix changed is played and scanned again where nothing else is open.
5. **baseline**: when verify passed, a number is measured and compared with what is wanted.
6. **improve**: runs when nothing but the baseline fails.

Play, scan and improve are left out where loop.yaml does not name them.

- Only exit codes, what the supervisor saw and the measured number decide. What an agent says about its own work does not.
- A round that breaks a verify that passed, or worsens the number, is rolled back; its branch keeps the try.
- Every command has a log, every round a report. How it stands is in heartbeat.json, what happened in progress.md.
- Nobody but loopwright writes heartbeat.json, progress.md, logs/, artifacts/ and knowledge/lessons.md.
- In knowledge/ people write what the next fix should know. In output/ goes what the loop makes for people.
`

const criteriaPage = `# When it is done, and when it is blocked

Each of these is decided by code, none by an opinion.

## Complete

- [ ] verify exited with 0
- [ ] play and scan exited with 0, where they are configured
- [ ] the metric meets the baseline, where there is one
- [ ] no timeout, stall, memory that ran out, flood or crash in the latest results
- [ ] every stage that ran left its log, every round its report
- [ ] nothing changed that loop.yaml forbids to change

## Blocked

- [ ] more rounds in a row failed than \`limits.consecutiveFailures\` allows

A blocked loop ends. heartbeat.json says why and what a person can do; nothing is tried again until somebody starts it again.

## Stopped

- [ ] the rounds or the budget are used up; \`loopwright resume RUN --max-iterations N\` goes on from there
`

const knowledgePage = `# Knowledge

What stands here in .md or .txt files is given to every fix: the traps of this project, where things are, what was tried. Keep it short.
lessons.md is written by the loop: a line for each round that taught something. This file is not given to anybody.
`

const outputPage = `# Output

What the loop makes for people: reports, exports, builds. Commands find the folder as \`{workspace}/output\`.
`
