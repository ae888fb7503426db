/** What a coding agent has to know to work with loopwright: for its instructions file, whatever agent it is. Markdown. */
export function instructionsText(): string {
  return `# Working with loopwright

Instructions for a coding agent, whichever it is. Copy them into the file your agent reads, or print them with \`loopwright instructions\`.

## What it is

loopwright runs loops around coding agents: it calls an agent, runs commands, and decides by code whether the work is done. Each run has
a journal that survives crashes, a budget, a log of every command, and its changes on a branch of its own. There are two kinds of loop:

- **goal**: plan, work, verify, review, until a goal is reached.
- **repair**: play, scan, fix, verify, baseline, improve, until a project is healthy.

You may be on either side of it. Inside a run you are called with a prompt (then LOOPWRIGHT_RUN is set): do what it says, and nothing
of what follows. Outside of one you may be asked to set up, start or look at a loop.

## Make a loop folder

\`\`\`sh by hand
loopwright init --kind repair my-loop --project-root . --mission "Every test passes, and the page loads in a second."
\`\`\`

It holds loop.yaml, mission.md, loop_contract.md, eval_criteria.md, knowledge/ and output/. Then write \`my-loop/loop.yaml\`:

\`\`\`yaml file=my-loop/loop.yaml
kind: repair
mission: Every test passes, and the page loads in a second.
project: ..
folder: .
rounds: 10
stages:
  play: node scripts/smoke.js         # uses the thing; leave it out where there is nothing to try
  scan: npx eslint .                  # looks for what is wrong
  fix: { agent: "Mend what failed. Find the cause first." }
  verify: npm test                    # decides; it must fail while the project is broken
  improve: { agent: "Make the page load faster." }
baseline:
  command: node scripts/bench.js      # prints a number
  metric: score
  direction: ">="
  value: 0.9
\`\`\`

- Choose a verify that fails now for the right reason, and run it by hand first. A verify that always passes makes the loop worthless.
- Choose a metric that cannot be reached by breaking something; verify and the baseline hold each other.
- Put tests and benchmarks under \`changes: { deny: [...] }\` where the fix must not touch them.
- An \`openloop.json\` in the folder is run as it is.

## Run it

\`\`\`sh by hand
loopwright doctor my-loop                # is it valid?
loopwright run my-loop --max-rounds 3
loopwright status my-loop --json         # while it runs, and after
\`\`\`

The first time, and after each change, a person has to trust the loop file: \`loopwright trust my-loop/loop.yaml\`. Do not do that for them:
a loop file runs commands.

| exit code | meaning |
| --- | --- |
| 0 | healthy, or the goal is reached |
| 1 | stopped by a cap or a person, or blocked; \`loopwright result RUN\` says which and what to do |
| 2 | an error: wrong input, no agent, not trusted, the run failed |
| 3 | it waits for answers: \`loopwright answer RUN …\` |
| 130 | interrupted: \`loopwright resume RUN\` goes on |

## Read its state

\`heartbeat.json\` is always whole. \`status\` is one of starting, running, waiting, paused, stopped, complete, blocked, failed, cancelled,
killed, interrupted. While a command runs: \`step\`, \`pid\`, \`command\`, \`log_path\`, \`elapsed_seconds\`, \`speed\`, \`eta_seconds\`, \`normal\`. Ask
\`loopwright status my-loop --json\` rather than the file: it also knows whether the process behind it lives.

What happened stands in progress.md, what was printed in logs/, what each round came to in artifacts/round-N.json.

## Never

- Never edit heartbeat.json, progress.md, logs/, artifacts/, knowledge/lessons.md or anything in \`.loopwright/runs\`: they are derived
  from the journal, and what you write there is overwritten or misleads people.
- Never edit the journal (the database in the state directory).
- Never end processes of a run by hand: \`loopwright stop RUN\` does, with everything it started.
- Never weaken, skip or delete a test, a check or a baseline to make a loop pass.
- Never call a loop complete. Completion is decided by code.

## When it is complete

Only when all of this holds in the latest results: verify passed; play and scan passed, where configured; the metric meets the baseline,
where there is one; nothing timed out, stalled, ran out of memory, flooded its output or crashed; logs and reports are written; nothing
changed that may not. More failed rounds in a row than \`limits.consecutiveFailures\` and the run is blocked: it ends, says why, and is not
tried again by itself. Tell a person what \`blocked\` says.

## Inside a run

- Work in the current directory. Do not commit, push or change branches: that is done for you.
- Mend the cause, with the smallest change that does it.
- End a fix with one line \`LESSON: …\`: what the next round should know.
- When you are asked to judge, end with one line \`VERDICT: PASS\`, or \`VERDICT: FAIL\` and why.
`
}

/** Prompts for people to give to their agent. Markdown. */
export function promptsText(): string {
  return `# Prompts

To copy, and to fill in what stands in <angle brackets>. Print them with \`loopwright instructions --prompts\`.

## Design a loop for my repository

\`\`\`text
Read the output of \`loopwright instructions\`. Then design a repair loop for this repository.

What I want to be true in the end: <mission>

1. Find out how this project is built, tested, linted and started. Run each of these commands once and tell me what you saw.
2. Propose for each stage (play, scan, fix, verify, improve) a command or an agent, and say why. Leave out what does not apply. verify
   must fail while the mission is not reached: show me its output now.
3. If the mission has a number in it, propose a command that prints that number, how it is read, and the baseline. Run it three times
   and tell me how much it varies; choose the tolerance by that.
4. Say which files a fix must not change.
5. Make the folder with \`loopwright init --kind repair <folder> --project-root .\`, write loop.yaml and mission.md, run
   \`loopwright doctor <folder>\`, and stop there. Do not trust and do not run it: I will.
\`\`\`

## A fix stage

For \`stages.fix: { agent: "…" }\` in loop.yaml:

\`\`\`text
Reproduce the failure first, with the command that is named. Name the cause in one sentence before you change anything. Make the
smallest change that removes the cause, not the symptom. Do not touch tests, benchmarks or configuration of checks. Run the failing
command again, then the whole verify. If you cannot mend it, change nothing and say in the LESSON line what you found out.
\`\`\`

## An improve stage

For \`stages.improve: { agent: "…" }\` in loop.yaml:

\`\`\`text
Everything passes; only the number is not good enough. Measure where the time (or whatever the number counts) goes before you change
anything. Change one thing, the one with the largest share. What passes must go on passing, for every input and not only for the
benchmark's. Measure again and tell both numbers. If your change made it worse, undo it and say in the LESSON line what you tried.
\`\`\`

## Explain a blocked run

\`\`\`text
The loop in <folder> is blocked. Run \`loopwright status <folder> --json\` and read artifacts/round-*.json, the logs that they name, and
progress.md. Change nothing. Tell me:
1. what failed in each of the last rounds, and whether it was the same thing each time;
2. what the fixes tried, and why each did not help;
3. whether the stage, the check, the baseline or the project is wrong, with the line of the log that shows it;
4. the one thing I should decide or do next, and the command that then goes on.
\`\`\`

## Watch a run for me

\`\`\`text
Run \`loopwright status <folder> --json\` every <30> seconds. Say nothing while \`status\` is running and \`normal\` is true. Tell me at once
when \`normal\` becomes false, when \`status\` changes, or when \`consecutive_failures\` rises; then quote \`last_error\` and the last 20 lines of
\`log_path\`. Stop nothing and start nothing.
\`\`\`
`
}
