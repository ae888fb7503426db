import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { instructionsText, promptsText } from './instructions.ts'

test('the page of instructions holds what the command prints', () => {
  const page = readFileSync(new URL('../../docs/agent-instructions.md', import.meta.url), 'utf8')
  expect(page).toBe(`${instructionsText()}\n${promptsText()}`)
})

test('the instructions name every exit code, every state of a heartbeat, and what nobody may edit', () => {
  const text = instructionsText()
  for (const code of ['0', '1', '2', '3', '130']) expect(text).toContain(`\n| ${code} | `)
  for (const state of ['starting', 'running', 'waiting', 'paused', 'stopped', 'complete', 'blocked', 'interrupted'])
    expect(text).toContain(state)
  for (const file of ['heartbeat.json', 'progress.md', 'journal'])
    expect(text).toMatch(new RegExp(`Never edit.*${file}`))
})

test('the prompts begin each with a heading and are one block', () => {
  const headings = promptsText().match(/^## /gm) ?? []
  const fences = promptsText().match(/^```/gm) ?? []
  expect(headings.length).toBeGreaterThanOrEqual(4)
  expect(fences).toHaveLength(headings.length * 2)
})
