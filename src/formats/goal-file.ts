export interface GoalFileInput {
  readonly goal: string
  readonly criteria: readonly string[]
  readonly verify: readonly (string | object)[]
  readonly iterations: number
}

/** A goal as a loop file that a person can go on with. */
export function goalFile({ goal, criteria, verify, iterations }: GoalFileInput): string {
  const list = (key: string, items: readonly unknown[], none: string) =>
    items.length === 0
      ? `# ${key}:\n#   - ${none}\n`
      : `${key}:\n${items.map((item) => `  - ${JSON.stringify(item)}\n`).join('')}`
  const text = goal.trim().includes('\n') ? `|\n${indented(goal.trim())}` : JSON.stringify(goal.trim())
  return [
    'kind: goal\n',
    `goal: ${text}\n`,
    list('criteria', criteria, 'a fact that somebody else can look at'),
    list('verify', verify, 'npm test             # must pass; it does not yet, or it shows nothing'),
    `budget:\n  iterations: ${iterations}\n  # duration: 30m\n`,
    '# agent: claude-code         # absent: the one that is found\n',
  ].join('')
}

function indented(text: string): string {
  return text
    .split('\n')
    .map((line) => (line.trim() === '' ? '' : `  ${line}`))
    .join('\n')
}
