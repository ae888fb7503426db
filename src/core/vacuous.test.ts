import { expect, test } from 'vitest'
import { findVacuous } from './vacuous.ts'

// Outputs as the runners print them, shortened where nothing is lost.
const noTestRan: Record<string, string> = {
  'vitest, no file':
    '\n RUN  v5.1.0 /repo\n\nNo test files found, exiting with code 0\n\ninclude: **/*.{test,spec}.?(c|m)[jt]s?(x)\n',
  'vitest, an empty suite':
    '\u001b[1m\u001b[46m RUN \u001b[49m\u001b[22m v5.1.0 /repo\n\n\u001b[2m Test Files \u001b[22m \u001b[1m\u001b[32m1 passed\u001b[39m\u001b[22m\u001b[90m (1)\u001b[39m\n\u001b[2m      Tests \u001b[22m no tests\n\u001b[2m   Start at \u001b[22m 10:00:00\n\u001b[2m   Duration \u001b[22m 210ms\n',
  'vitest, all skipped': ' Test Files  1 skipped (1)\n      Tests  3 skipped (3)\n   Start at  10:00:00\n',
  'jest, none found': 'No tests found, exiting with code 0\n',
  'jest, all skipped':
    'Test Suites: 1 skipped, 0 of 1 total\nTests:       2 skipped, 2 total\nSnapshots:   0 total\nTime:        0.4 s\nRan all test suites.\n',
  'jest, zero': 'Test Suites: 0 of 1 total\nTests:       0 total\nSnapshots:   0 total\n',
  mocha: '\n\n  0 passing (1ms)\n\n',
  'mocha, all pending': '\n  sum\n    - adds\n\n\n  0 passing (2ms)\n  1 pending\n',
  'node:test, TAP':
    'TAP version 13\n1..0\n# tests 0\n# suites 0\n# pass 0\n# fail 0\n# cancelled 0\n# skipped 0\n# todo 0\n',
  'node:test, spec':
    'ℹ tests 0\nℹ suites 0\nℹ pass 0\nℹ fail 0\nℹ cancelled 0\nℹ skipped 0\nℹ todo 0\nℹ duration_ms 3.1\n',
  'node:test, all skipped': '﹣ y (0.10792ms) # SKIP\nℹ tests 1\nℹ suites 0\nℹ pass 0\nℹ fail 0\nℹ skipped 1\n',
  ava: '\n  ✖ No tests found in test/empty.js\n\n  ─\n',
  'ava, no file': "\n  ✖ Couldn't find any files to test\n",
  pytest:
    '============ test session starts ============\nplatform linux -- Python 3.12.1\ncollected 0 items\n\n=========== no tests ran in 0.01s ===========\n',
  'pytest -q': '\nno tests ran in 0.00s\n',
  'pytest, deselected': 'collected 5 items / 5 deselected / 0 selected\n\n=== 5 deselected in 0.02s ===\n',
  'pytest, all skipped': 'collected 2 items\n\ntest_a.py ss      [100%]\n\n====== 2 skipped in 0.01s ======\n',
  unittest: '\n----------------------------------------------------------------------\nRan 0 tests in 0.000s\n\nOK\n',
  'unittest 3.12':
    '----------------------------------------------------------------------\nRan 0 tests in 0.000s\n\nNO TESTS RAN\n',
  'unittest, all skipped': 'ss\n----------\nRan 2 tests in 0.000s\n\nOK (skipped=2)\n',
  'go, no files': '?   \texample.com/a\t[no test files]\n?   \texample.com/a/b\t[no test files]\n',
  'go, filter without match':
    'testing: warning: no tests to run\nPASS\nok  \texample.com/a\t0.002s [no tests to run]\n',
  'go, cached filter without match': 'ok  \texample.com/a\t(cached) [no tests to run]\n',
  'go -json':
    '{"Time":"2026-01-01T00:00:00Z","Action":"output","Package":"a","Output":"?   \\ta\\t[no test files]\\n"}\n{"Action":"skip","Package":"a","Elapsed":0}\n',
  gotestsum: '∅  a\n\nDONE 0 tests in 0.300s\n',
  cargo:
    '    Finished `test` profile [unoptimized + debuginfo] target(s) in 0.01s\n     Running unittests src/lib.rs (target/debug/deps/a-1)\n\nrunning 0 tests\n\ntest result: ok. 0 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s\n\n   Doc-tests a\n\nrunning 0 tests\n\ntest result: ok. 0 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s\n',
  'cargo, filtered out':
    'running 0 tests\n\ntest result: ok. 0 passed; 0 failed; 0 ignored; 0 measured; 7 filtered out; finished in 0.00s\n',
  'cargo nextest': '     Summary [   0.000s] 0 tests run: 0 passed, 4 skipped\n',
  rspec:
    'No examples found.\n\n\nFinished in 0.0003 seconds (files took 0.05 seconds to load)\n0 examples, 0 failures\n',
  'rspec, all pending': '**\nFinished in 0.001 seconds\n2 examples, 0 failures, 2 pending\n',
  minitest:
    'Run options: --seed 1\n\n# Running:\n\n\n\nFinished in 0.000500s, 0.0000 runs/s, 0.0000 assertions/s.\n\n0 runs, 0 assertions, 0 failures, 0 errors, 0 skips\n',
  'test-unit': '0 tests, 0 assertions, 0 failures, 0 errors, 0 pendings, 0 omissions, 0 notifications\n',
  phpunit: 'PHPUnit 11.0.0 by Sebastian Bergmann and contributors.\n\nNo tests executed!\n',
  'phpunit, all skipped': 'OK, but some tests were skipped!\nTests: 2, Assertions: 0, Skipped: 2.\n',
  pest: '\n   INFO  No tests found.\n\n',
  maven:
    '[INFO] -------------------------------------------------------\n[INFO]  T E S T S\n[INFO] -------------------------------------------------------\n[INFO] \n[INFO] Results:\n[INFO] \n[INFO] Tests run: 0, Failures: 0, Errors: 0, Skipped: 0\n[INFO] \n[INFO] BUILD SUCCESS\n',
  'maven, nothing to run':
    '[INFO] --- surefire:3.2.5:test (default-test) @ a ---\n[INFO] No tests to run.\n[INFO] BUILD SUCCESS\n',
  'junit console': 'JUnit version 4.13\n\nTime: 0.001\n\nTests run: 0,  Failures: 0\n'.replace(',  ', ', '),
  dotnet:
    'No test is available in /repo/bin/Debug/net9.0/A.dll. Make sure that test discoverer & executors are registered\n',
  'dotnet, filter': 'No test matches the given testcase filter `Name=x` in /repo/A.dll\n',
  'dotnet, zero': 'Test summary: total: 0, failed: 0, succeeded: 0, skipped: 0, duration: 0.5s\n',
  playwright: 'Error: No tests found\n',
  'playwright, all skipped': '\nRunning 2 tests using 1 worker\n\n  2 skipped\n',
  ctest: 'Test project /repo/build\nNo tests were found!!!\n',
  'TAP, empty plan': 'TAP version 13\n1..0 # SKIP no database\n',
  'TAP, all skipped': '1..2\nok 1 - a # SKIP no database\nok 2 # skip\n',
  bun: 'bun test v1.1.0\n\n 0 pass\n 0 fail\nRan 0 tests across 1 file. [5.00ms]\n',
  deno: '\nok | 0 passed | 0 failed (0ms)\n',
  swift:
    "Test Suite 'All tests' passed at 10:00.\n\t Executed 0 tests, with 0 failures (0 unexpected) in 0.000 (0.001) seconds\n",
  gtest:
    '[==========] Running 0 tests from 0 test suites.\n[==========] 0 tests from 0 test suites ran. (0 ms total)\n[  PASSED  ] 0 tests.\n',
  exunit: 'There are no tests to run\n',
  npm: '\n> a@1.0.0 test\n> echo "Error: no test specified"\n\nError: no test specified\n',
  'turbo prefix': 'web:test: cache miss, executing 1a2b\nweb:test:       Tests  no tests\n',
  'pnpm prefix':
    'packages/web test:  Test Files  1 passed (1)\npackages/web test:       Tests  no tests\npackages/web test: Done\n',
  'Windows line ends': 'collected 0 items\r\n\r\n===== no tests ran in 0.01s =====\r\n',
}

const passes: Record<string, string> = {
  'nothing printed': '',
  'a build':
    'vite v7.0.0 building for production...\n✓ 120 modules transformed.\ndist/index.js  10.2 kB\n✓ built in 1.20s\n',
  'a type check': 'Found 0 errors.\n',
  'a linter': 'Checked 120 files in 40ms. No fixes applied.\nAll checks passed!\n',
  'eslint with warnings': '✖ 2 problems (0 errors, 2 warnings)\n',
  'make -s': 'make[1]: Nothing to be done for `all`.\n',
  'cargo build':
    '   Compiling a v0.1.0 (/repo)\n    Finished `dev` profile [unoptimized + debuginfo] target(s) in 0.51s\n',
  'prose about tests': 'There were 0 tests before this change, now no tests are missing; # tests 0 of 3 shown\n',
  vitest:
    ' ✓ src/a.test.ts (2 tests) 3ms\n\n Test Files  1 passed (1)\n      Tests  2 passed (2)\n   Start at  10:00:00\n',
  'vitest, some skipped': ' Test Files  1 passed | 1 skipped (2)\n      Tests  1 passed | 10 skipped (11)\n',
  'vitest, two projects, one empty': '      Tests  no tests\n\n      Tests  4 passed (4)\n',
  jest: 'PASS ./a.test.js\n\nTest Suites: 1 passed, 1 total\nTests:       1 skipped, 10 passed, 11 total\nSnapshots:   0 total\nTime:        1.2 s\n',
  mocha: '  sum\n    ✔ adds\n\n\n  10 passing (4ms)\n  1 pending\n',
  'node:test': '✔ x (0.9ms)\nℹ tests 1\nℹ suites 0\nℹ pass 1\nℹ fail 0\nℹ cancelled 0\nℹ skipped 0\n',
  'node:test, TAP': 'TAP version 13\n# Subtest: x\nok 1 - x\n1..1\n# tests 1\n# pass 1\n# fail 0\n',
  tape: 'TAP version 13\n# adds\nok 1 should be equal\n\n1..1\n# tests 1\n# pass  1\n\n# ok\n',
  ava: '\n  ✔ adds\n  ─\n\n  1 test passed\n',
  pytest: 'collected 3 items\n\ntest_a.py ..s   [100%]\n\n======= 2 passed, 1 skipped, 3 warnings in 0.12s =======\n',
  'pytest -q': '..........                 [100%]\n10 passed in 0.01s\n',
  'pytest, minutes': '==== 120 passed in 65.20s (0:01:05) ====\n',
  'pytest, only expected failures': '=== 2 xfailed in 0.03s ===\n',
  unittest: '..\n------\nRan 2 tests in 0.000s\n\nOK\n',
  'unittest, some skipped': '.s\n------\nRan 2 tests in 0.000s\n\nOK (skipped=1)\n',
  go: 'ok  \texample.com/a\t0.002s\n?   \texample.com/a/cmd\t[no test files]\n',
  'go, cached with coverage':
    '?   \texample.com/cmd\t[no test files]\nok  \texample.com/a\t(cached)\tcoverage: 71.4% of statements\n',
  'go, one package has a match': 'ok  \ta\t0.002s [no tests to run]\nok  \tb\t0.010s\n',
  'go -v': '=== RUN   TestA\n--- PASS: TestA (0.00s)\nPASS\n',
  'go -json':
    '{"Action":"run","Package":"a","Test":"TestA"}\n{"Action":"pass","Package":"a","Test":"TestA","Elapsed":0}\n{"Action":"output","Package":"b","Output":"?   \\tb\\t[no test files]\\n"}\n',
  gotestsum: 'DONE 12 tests, 1 skipped in 1.300s\n',
  'cargo, empty doc tests':
    'running 1 test\ntest tests::adds ... ok\n\ntest result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s\n\n   Doc-tests a\n\nrunning 0 tests\n\ntest result: ok. 0 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s\n',
  'cargo bench':
    'test bench_a ... bench: 10 ns/iter (+/- 1)\n\ntest result: ok. 0 passed; 0 failed; 0 ignored; 1 measured; 0 filtered out; finished in 0.1s\n',
  'cargo nextest': '     Summary [   0.120s] 10 tests run: 10 passed, 0 skipped\n',
  rspec: '...\n\nFinished in 0.01 seconds\n10 examples, 0 failures, 1 pending\n',
  minitest: '10 runs, 12 assertions, 0 failures, 0 errors, 1 skips\n',
  phpunit: 'OK (3 tests, 5 assertions)\n',
  'phpunit, one skipped': 'Tests: 3, Assertions: 4, Skipped: 1.\n',
  pest: '  Tests:    3 passed (5 assertions)\n  Duration: 0.10s\n',
  'maven, one module empty':
    '[INFO] No tests to run.\n[INFO] Tests run: 4, Failures: 0, Errors: 0, Skipped: 1, Time elapsed: 0.1 s -- in AT\n[INFO] Tests run: 0, Failures: 0, Errors: 0, Skipped: 0\n',
  dotnet: 'Passed!  - Failed:     0, Passed:     3, Skipped:     0, Total:     3, Duration: 5 ms - A.dll (net9.0)\n',
  'dotnet, one project empty':
    'No test is available in /repo/B.dll.\nPassed!  - Failed:     0, Passed:     3, Skipped:     0, Total:     3\n',
  playwright: '\nRunning 3 tests using 2 workers\n\n  1 skipped\n  2 passed (2.1s)\n',
  ctest: '100% tests passed, 0 tests failed out of 12\n\nTotal Test time (real) =   0.10 sec\n',
  'TAP, a skipped suite': '1..0 # SKIP nothing here\nTAP version 13\nok 1 - works\n1..1\n',
  bats: '1..2\nok 1 adds\nok 2 subtracts # skip not now\n',
  bun: ' 3 pass\n 0 fail\nRan 3 tests across 1 file. [9.00ms]\n',
  deno: 'ok | 3 passed | 0 failed (5ms)\n',
  swift:
    '\t Executed 4 tests, with 0 failures (0 unexpected) in 0.000 (0.001) seconds\n✔ Test run with 0 tests passed after 0.001 seconds.\n',
  gtest: '[==========] Running 10 tests from 2 test suites.\n[  PASSED  ] 10 tests.\n',
  exunit: '..\n\nFinished in 0.03 seconds\n2 tests, 0 failures\n',
  'turbo, one empty': 'web:test:       Tests  no tests\napi:test:       Tests  3 passed (3)\n',
  "a script of one's own": 'checked 12 files\n3 skipped\n0 failed\n',
  'a long line of data': `${'x'.repeat(3000)} no tests ran\n`,
}

test.each(Object.entries(noTestRan))('%s: no test ran', (_, output) => {
  expect(findVacuous(output)).toBeTypeOf('string')
})

test.each(Object.entries(passes))('%s: is a pass', (_, output) => {
  expect(findVacuous(output)).toBeUndefined()
})

test('says the line that told it, without colours', () => {
  expect(
    findVacuous('\u001b[33m==== \u001b[33mno tests ran\u001b[0m\u001b[33m in 0.01s\u001b[0m\u001b[33m ====\u001b[0m'),
  ).toBe('==== no tests ran in 0.01s ====')
})
