import { expect, test } from 'vitest'
import { modelChoice, promptUsage, rawResult, toolName, troubleIn } from './quirks.ts'

test.each([
  ['nothing', {}, undefined],
  ['only zeros', { usage: { inputTokens: 0, outputTokens: 0, totalTokens: 0 } }, undefined],
  ['nonsense', { usage: { inputTokens: 'many', outputTokens: -1 }, _meta: [] }, undefined],
  [
    'no total',
    { usage: { inputTokens: 5, outputTokens: 2, cachedReadTokens: 3 } },
    { inputTokens: 5, outputTokens: 2, cacheReadTokens: 3 },
  ],
  [
    'what was cached within',
    { usage: { inputTokens: 5, outputTokens: 2, cachedReadTokens: 3, totalTokens: 7 } },
    { inputTokens: 2, outputTokens: 2, cacheReadTokens: 3 },
  ],
  [
    'what was cached beside',
    { usage: { inputTokens: 5, outputTokens: 2, cachedReadTokens: 3, totalTokens: 10 } },
    { inputTokens: 5, outputTokens: 2, cacheReadTokens: 3 },
  ],
  [
    'thoughts within',
    { usage: { inputTokens: 5, outputTokens: 2, thoughtTokens: 1, totalTokens: 7 } },
    { inputTokens: 5, outputTokens: 2 },
  ],
  [
    'thoughts beside',
    { usage: { inputTokens: 5, outputTokens: 2, thoughtTokens: 1, totalTokens: 8 } },
    { inputTokens: 5, outputTokens: 3 },
  ],
])('usage with %s', (_, answer, expected) => {
  expect(promptUsage(answer)).toEqual(expected)
})

test('a model is chosen by the option of its category, in groups too, or in the older way', () => {
  const option = {
    id: 'x',
    category: 'model',
    currentValue: 'a',
    options: [{ value: 'a' }, { group: 'g', options: [{ value: 'b' }] }],
  }
  const choice = modelChoice({ configOptions: [{ id: 'mode', category: 'mode' }, option] })
  expect(choice).toMatchObject({ models: ['a', 'b'], current: 'a' })
  expect(choice?.request('b')).toEqual({ method: 'session/set_config_option', params: { configId: 'x', value: 'b' } })
  const older = modelChoice({ models: { availableModels: [{ modelId: 'c' }], currentModelId: 'd' } })
  expect(older).toMatchObject({ models: ['c'], current: 'd' })
  expect(older?.request('c')).toEqual({ method: 'session/set_model', params: { modelId: 'c' } })
  expect(modelChoice({ configOptions: [], modes: {} })).toBeUndefined()
})

test.each([
  [{ name: 'Write', kind: 'edit' }, 'Write'],
  [{ _meta: { claudeCode: { toolName: 'Bash' } }, kind: 'execute' }, 'Bash'],
  [{ _meta: { 'x.ai/tool': { name: 'grep' } } }, 'grep'],
  [{ kind: 'edit', title: 'Edit a.ts' }, 'edit'],
  [{ title: 'something' }, 'something'],
  [{}, undefined],
])('the tool of %j is %j', (call, name) => {
  expect(toolName(call)).toBe(name)
})

test.each([
  ['text', 'text'],
  [{ output: 'a', metadata: 1 }, 'a'],
  [{ content: 'b' }, 'b'],
  [{ message: 'c', code: 'rejected' }, 'c'],
  [{ output: [], output_for_prompt: 'exit: 0' }, 'exit: 0'],
  [{ EditsApplied: { tool_output_for_prompt: 'made' } }, 'made'],
  [{ other: 1 }, { other: 1 }],
  [undefined, undefined],
])('the result in %j is %j', (raw, expected) => {
  expect(rawResult(raw)).toEqual(expected)
})

test('the last line of a log that says why is found, colours or not', () => {
  const coloured =
    '\u001B[31mERROR\u001B[0m chat/completions API error \u001B[3mstatus\u001B[0m\u001B[2m=\u001B[0m429 Too Many Requests'
  expect(troubleIn(`status=500\n${coloured}\nretrying\n`)).toEqual({
    message: 'ERROR chat/completions API error status=429 Too Many Requests',
    status: 429,
  })
  const limit = 'level=ERROR error="AI_APICallError: Rate limit reached for requests. Please try again in 3600s."'
  expect(troubleIn(`start\n${limit}`)).toEqual({ message: limit })
  expect(troubleIn('status: 200\nall well\nstatus of 404 files')).toBeUndefined()
  expect(troubleIn('')).toBeUndefined()
})
