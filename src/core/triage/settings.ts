import type { TickSettings } from './ticks.ts'

/** Settings of a loop that a tick has nothing to do with. */
const others = ['goal', 'criteria', 'concurrency', 'attempts', 'attemptAgents', 'playwright', 'isolation', 'ask']

/** How a tick shall work, from settings by path (`agent`, `budget.tokens`); what is undefined is left out, and what no tick knows. */
export function tickSettings(given: Readonly<Record<string, unknown>>): TickSettings {
  const tree: Record<string, unknown> = {}
  for (const [path, value] of Object.entries(given)) {
    if (value === undefined || others.includes(path)) continue
    const [head = '', inner] = path.split('.')
    if (inner === undefined) tree[head] = value
    else tree[head] = { ...(typeof tree[head] === 'object' ? tree[head] : {}), [inner]: value }
  }
  return tree as TickSettings
}
