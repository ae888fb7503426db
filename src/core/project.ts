/** The check a project most likely has, from the names of the files at its top and the scripts of its package.json. */
export function guessCheck(
  files: readonly string[],
  scripts: Readonly<Record<string, unknown>> = {},
): string | undefined {
  const has = (name: string) => files.includes(name)
  if (typeof scripts.test === 'string' && !scripts.test.includes('no test specified')) {
    if (has('pnpm-lock.yaml')) return 'pnpm test'
    return has('yarn.lock') ? 'yarn test' : 'npm test'
  }
  if (has('Cargo.toml')) return 'cargo test'
  if (has('go.mod')) return 'go test ./...'
  if (has('pyproject.toml') || has('pytest.ini') || has('setup.py')) return 'python3 -m pytest'
  if (has('mix.exs')) return 'mix test'
  if (has('Gemfile')) return 'bundle exec rake test'
  return has('Makefile') ? 'make test' : undefined
}
