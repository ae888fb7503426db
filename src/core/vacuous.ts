/** What one line of a test runner's output says: that tests ran, or that none did. */
interface Rule {
  readonly line: RegExp
  /** What the output must hold elsewhere for the rule to apply. */
  readonly given?: RegExp
  /** Whether the line shows that at least one test ran; without it a match says that none did. */
  readonly ran?: (groups: Readonly<Record<string, string | undefined>>, text: string) => boolean
}

const always = () => true
const number = (text: string | undefined) => Number(text ?? 0)
const ranSome = (groups: Readonly<Record<string, string | undefined>>) => number(groups.n) > number(groups.skipped)
const verdicts = /\b[1-9]\d* (?:passed|failed|xpassed|xfailed|errors?|failures?|timed ?out|flaky)\b/

/** By runner. A rule reads its runner's summary both ways, so that a run of many suites passes when only some of them are empty. */
const rules: readonly Rule[] = [
  // vitest, jest, pest: `Tests  2 passed | 1 skipped (3)`, `Tests  no tests`, `Tests:       0 total`. Not `Test Files`: a file is no test.
  { line: /^Tests:? {2,}\S/, ran: (_, text) => verdicts.test(text) },
  { line: /^Tests: (?=.*\b\d+ total\b)/, ran: (_, text) => verdicts.test(text) },
  { line: /^(?:INFO )?No test files found\b/i },
  { line: /^(?:Error: |INFO {1,2}|✖ |✘ )?No tests? (?:were )?(?:found|ran|executed|run)\b/i },
  // mocha, cypress
  { line: /^(?<n>\d+) passing\b/, ran: ranSome },
  { line: /^[1-9]\d* failing\b/, ran: always },
  // node:test, tape: `# tests 3`, `ℹ pass 0`; skipped tests are neither pass nor fail there.
  { line: /^[#ℹ] pass +(?<n>\d+)$/, ran: ranSome },
  { line: /^[#ℹ] (?:fail|cancelled) +[1-9]\d*$/, ran: always },
  { line: /^[#ℹ] tests +0$/ },
  // ava
  { line: /^(?<n>\d+) tests? passed\b/, ran: ranSome },
  { line: /^[1-9]\d* tests? failed\b/, ran: always },
  { line: /^✖ Couldn.t find any files to test\b/ },
  // playwright: `3 passed (2.1s)`, a lone `2 skipped`
  { line: /^(?<n>\d+) passed(?: \([\d.]+\w+\))?$/, ran: ranSome },
  { line: /^[1-9]\d* (?:failed|flaky)$/, ran: always },
  { line: /^[1-9]\d* skipped$/, given: /^Running \d+ tests? using\b/m },
  { line: /^Running 0 tests using\b/ },
  // pytest: `== 3 passed, 1 skipped in 0.1s ==`, `no tests ran in 0.01s`, `2 skipped in 0.02s`
  {
    line: /^(?:=+ )?(?:\d+ (?:passed|failed|skipped|deselected|xpassed|xfailed|errors?|warnings?|rerun|subtests passed),? ?)+ ?in [\d.]+s\b/,
    ran: (_, text) => verdicts.test(text),
  },
  { line: /^(?:=+ )?no tests (?:ran|collected)\b/i },
  { line: /^collected 0 items\b/ },
  // unittest: its `OK (skipped=3)` comes as a line of its own and is looked at below. bun: `Ran 3 tests across 1 file`
  { line: /^Ran (?<n>\d+) tests? (?:in|across)\b/, ran: ranSome },
  // go, gotestsum
  { line: /^ok\s+\S+\s+(?:\(cached\)|[\d.]+m?s)(?!.*\[no tests? (?:to run|files)\])/, ran: always },
  { line: /^ok\s+\S+\s.*\[no tests to run\]/ },
  { line: /^\?\s+\S+\s+\[no test files\]/ },
  { line: /^testing: warning: no tests to run/ },
  { line: /^--- (?:PASS|FAIL): /, ran: always },
  { line: /^\{.*"Action":"(?:pass|fail)".*"Test":"/, ran: always },
  { line: /^\{.*"Output":"[^"]*\[no test(?: files|s to run)\]/ },
  { line: /^DONE (?<n>\d+) tests?\b(?:, (?<skipped>\d+) skipped)?/, ran: ranSome },
  // cargo, cargo nextest; deno: `ok | 3 passed | 0 failed`
  {
    line: /^test result: \S+ (?<n>\d+) passed; (?<failed>\d+) failed; \d+ ignored; (?<measured>\d+) measured/,
    ran: cargoRan,
  },
  { line: /^Summary \[.*\] +(?<n>\d+) tests? run:/, ran: ranSome },
  { line: /^(?:ok|FAILED) \| (?<n>\d+) passed\b/, ran: ranSome },
  // rspec, minitest and test-unit, exunit: `3 examples, 0 failures, 1 pending`, `0 runs, 0 assertions, …, 0 skips`, `2 tests, 0 failures`
  { line: /^(?<n>\d+) examples?, \d+ failures?(?:, (?<skipped>\d+) pending)?/, ran: ranSome },
  { line: /^(?:No examples found|There are no tests to run)\b/ },
  {
    line: /^(?<n>\d+) (?:runs|tests?), \d+ (?:assertions|failures?)(?:.*?\b(?<skipped>\d+) (?:skips|skipped|pendings))?/,
    ran: ranSome,
  },
  // phpunit: `OK (3 tests, 5 assertions)`, `Tests: 3, Assertions: 0, Skipped: 3.`
  { line: /^OK \((?<n>\d+) tests?, \d+ assertions?\)/, ran: ranSome },
  { line: /^Tests: (?<n>\d+), Assertions: \d+(?:.*\bSkipped: (?<skipped>\d+))?/, ran: ranSome },
  // maven: `[INFO] Tests run: 3, Failures: 0, Errors: 0, Skipped: 0`
  { line: /^(?:\[\w+\] )?Tests run: (?<n>\d+), Failures: \d+(?:.*\bSkipped: (?<skipped>\d+))?/, ran: ranSome },
  { line: /^(?:\[\w+\] )?No tests to run\b/ },
  // dotnet
  {
    line: /^(?:Passed|Failed|Skipped)! +- Failed: +\d+, Passed: +\d+, Skipped: +(?<skipped>\d+), Total: +(?<n>\d+)/,
    ran: ranSome,
  },
  { line: /^Test summary: total: (?<n>\d+), failed: \d+, succeeded: \d+, skipped: (?<skipped>\d+)/, ran: ranSome },
  { line: /^Total tests: (?<n>\d+)/, ran: ranSome },
  { line: /^No test (?:is available in|matches the given testcase filter)\b/ },
  // ctest, googletest, catch2
  { line: /^\d+% tests passed, \d+ tests? failed out of (?<n>\d+)/, ran: ranSome },
  { line: /^No tests were found!!!/ },
  { line: /^\[ {2}PASSED {2}\] (?<n>\d+) tests?\b/, ran: ranSome },
  { line: /^All tests passed \(\d+ assertions?/, ran: always },
  // swift, dart and flutter
  { line: /^Executed (?<n>\d+) tests?, with\b/, ran: ranSome },
  { line: /^[\d:]+ \+(?<n>\d+)(?: ~\d+)?(?: -\d+)?: (?:All|Some) tests\b/, ran: ranSome },
  // cucumber, behave
  { line: /^(?<n>\d+) scenarios? (?:\(|passed)/, ran: ranSome },
  // TAP
  { line: /^(?:not )?ok \d+(?: (?!.*# ?SKIP)|$)/i, ran: always },
  { line: /^ok \d+ .*# ?SKIP/i },
  { line: /^1\.\.0\b/ },
  // the script that `npm init` writes
  { line: /^Error: no test specified/ },
]

function cargoRan(groups: Readonly<Record<string, string | undefined>>): boolean {
  return number(groups.n) + number(groups.failed) + number(groups.measured) > 0
}

// Colours, cursor movements and window titles.
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it takes out
const escapes = /\u001b(?:\[[0-?]*[ -/]*[@-~]|\][^\u0007\u001b]*(?:\u0007|\u001b\\)|[@-Z\\-_])/g
// `web:test: …` of turbo, `packages/web test: …` of pnpm: whose output a line is.
const origin = /^[\w@./-]+(?::[\w:-]+| [\w:-]+): ?/
/** A line longer than this is data, not a summary. */
const longestLine = 2000

/**
 * Whether a test runner's output says that no test ran at all: the line that says so, or undefined when tests ran or when nothing looks like a test
 * run. Skipped tests did not run. Feed it the whole output or whole lines of its end.
 */
export function findVacuous(output: string): string | undefined {
  const text = output.replace(escapes, '')
  const lines = text.split(/\r?\n|\r/)
  const applying = rules.filter((rule) => rule.given === undefined || rule.given.test(text))
  let none: string | undefined
  let ran = false
  let unittest = 0
  for (const raw of lines) {
    if (raw.length > longestLine) continue
    const line = raw.trim()
    if (line === '') continue
    // unittest counts skipped tests as run and tells only in its last line.
    const skipped = /^OK \(.*\bskipped=(?<n>\d+)/.exec(line)
    if (skipped !== null && unittest > 0 && number(skipped.groups?.n) >= unittest) {
      none = line
      unittest = 0
      continue
    }
    const says = read(line, applying) ?? read(line.replace(origin, '').trimStart(), applying)
    if (says === undefined) continue
    const count = /^Ran (\d+) tests? in/.exec(line)
    if (count !== null && says) unittest += number(count[1])
    else if (says) ran = true
    else none = line
  }
  return none === undefined || ran || unittest > 0 ? undefined : none
}

function read(line: string, applying: readonly Rule[]): boolean | undefined {
  for (const rule of applying) {
    const match = rule.line.exec(line)
    if (match !== null) return rule.ran?.(match.groups ?? {}, line) ?? false
  }
  return undefined
}
