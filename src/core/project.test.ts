import { expect, test } from 'vitest'
import { guessCheck } from './project.ts'

test.each<[readonly string[], Record<string, unknown>, string | undefined]>([
  [['package.json'], { test: 'vitest' }, 'npm test'],
  [['package.json', 'pnpm-lock.yaml'], { test: 'vitest' }, 'pnpm test'],
  [['package.json'], { test: 'echo "Error: no test specified" && exit 1' }, undefined],
  [['Cargo.toml'], {}, 'cargo test'],
  [['go.mod', 'Makefile'], {}, 'go test ./...'],
  [['pyproject.toml'], {}, 'python3 -m pytest'],
  [['README.md'], {}, undefined],
])('a project with %j and %j has the check %s', (files, scripts, check) => {
  expect(guessCheck(files, scripts)).toBe(check)
})
