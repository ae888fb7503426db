import { PassThrough } from 'node:stream'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { fields } from '../command/reader.ts'
import { answerOf, optionFor, questionOf } from './question.ts'
import { modelChoice, promptUsage, toolName } from './quirks.ts'
import { Updates } from './updates.ts'
import { Wire } from './wire.ts'

const word = fc.constantFrom(
  'sessionUpdate',
  'tool_call',
  'tool_call_update',
  'agent_message_chunk',
  'usage_update',
  'toolCallId',
  'status',
  'completed',
  'content',
  'text',
  'rawInput',
  'locations',
  'path',
  'cost',
  'amount',
  'used',
  'usage',
  '_meta',
  'quota',
  'token_count',
  'configOptions',
  'category',
  'model',
  'options',
  'method',
  'session/update',
  'params',
  'update',
  'id',
  '__proto__',
  'constructor',
)
const anything = fc.object({ key: word, values: [word, fc.integer(), fc.constant(null), fc.string()], maxDepth: 4 })

test('nothing an agent says makes us throw', () => {
  fc.assert(
    fc.property(fc.array(anything), (values) => {
      const updates = new Updates(() => undefined)
      updates.begin(undefined)
      for (const value of values) {
        const said = fields(value)
        updates.take(said)
        updates.take({ ...said, sessionUpdate: 'tool_call_update', toolCallId: 'x' })
        const question = questionOf(updates.asked(said))
        answerOf(question, { mode: 'edits', rules: [] }, '/repo')
        optionFor('allow', [value])
        promptUsage(said)
        modelChoice(said)
        toolName(said)
      }
    }),
    { numRuns: 300 },
  )
})

test('however the text is cut, the same messages come', async () => {
  const update = (n: number) => ({ method: 'session/update', params: { n, text: 'ä\u{1F600}\\n' } })
  const line = fc.oneof(
    fc.nat(99).map((n) => JSON.stringify({ jsonrpc: '2.0', ...update(n) })),
    fc.constantFrom('', 'Warning', '{"half', '[]', '{}', '{"id":5,"result":1}', ' {"method":"session/update"} '),
  )
  fc.assert(
    fc.property(fc.array(line), fc.array(fc.nat(30)), (lines, cuts) => {
      const whole = lines.join('\r\n')
      const got = (parts: readonly string[]) => {
        const seen: unknown[] = []
        const wire = new Wire({ onUpdate: (params) => seen.push(params), onBroken: (why) => seen.push(why) })
        for (const part of parts) wire.push(part)
        wire.close()
        return seen
      }
      const parts: string[] = []
      let at = 0
      for (const cut of cuts) {
        parts.push(whole.slice(at, at + cut))
        at += cut
      }
      expect(got([...parts, whole.slice(at)])).toEqual(got([whole]))
    }),
  )
})

test('an answer to nothing we asked is dropped, as is all after the end', async () => {
  const wire = new Wire({ onUpdate: () => undefined, onBroken: () => undefined })
  wire.attach(new PassThrough())
  const writer = wire.writable.getWriter()
  await writer.write({ jsonrpc: '2.0', id: 1, method: 'initialize', params: {} })
  wire.push('{"id":9,"result":"none of ours"}\n{"id":1,"result":"ours"}\n{"id":1,"result":"again"}\n')
  wire.close()
  wire.push('{"id":1,"method":"late"}\n')
  wire.close()
  const seen: unknown[] = []
  for await (const message of wire.readable) seen.push(message)
  expect(seen).toEqual([{ jsonrpc: '2.0', id: 1, result: 'ours' }])
})
