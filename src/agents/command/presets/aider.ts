import type { Usage } from '../../../core/ports.ts'
import { asArgument, combined, fitsArgument } from '../invocation.ts'
import type { Preset } from '../preset.ts'
import { defined, type Emit, type ReadError, type Reader, readText } from '../reader.ts'

/** aider: `aider --message …`, as its documentation has it. It prints text, and keeps no session that could be resumed. */
export const aider: Preset = {
  name: 'aider',
  executable: 'aider',
  install: 'python -m pip install aider-install && aider-install',
  login: 'set the API key of your model, as in ANTHROPIC_API_KEY or OPENAI_API_KEY',
  loggedIn: () => ({ state: 'unknown' }),
  needs: { home: ['.aider'], hosts: [], env: ['AIDER_*', 'OPENAI_*', 'ANTHROPIC_*'] },
  projectFiles: ['.aider.conf.yml'],
  env: {
    AIDER_PRETTY: 'false',
    AIDER_CHECK_UPDATE: 'false',
    AIDER_SHOW_MODEL_WARNINGS: 'false',
    // With --yes it would add itself to the project's .gitignore.
    AIDER_GITIGNORE: 'false',
  },
  invoke(request, model) {
    const prompt = combined(request)
    const rest = [
      '--no-auto-commits',
      request.skipPermissions ? '--yes-always' : '--yes',
      ...(model === undefined ? [] : ['--model', model]),
    ]
    return fitsArgument(prompt)
      ? { argv: ['--message', asArgument(prompt), ...rest] }
      : { argv: ['--message-file', '/dev/stdin', ...rest], input: prompt }
  },
  read: (emit, model) => reader(emit, model),
}

const spent =
  /^Tokens: ([\d.,]+[kKmM]?) sent,(?: ([\d.,]+[kKmM]?) cache write,)?(?: ([\d.,]+[kKmM]?) cache hit,)? ([\d.,]+[kKmM]?) received\.(?: Cost: \$([\d.,]+) message)?/
const broken = /^litellm\.(?:\w+\.)?(\w*Error)\b.{0,300}/

/** The text is the answer; two kinds of its lines say more: what was spent, and that the model's API refused (it exits 0 then). */
function reader(emit: Emit, model: string | undefined): Reader {
  const inner = readText(emit)
  let line = ''
  let usage: Usage | undefined
  let error: ReadError | undefined
  const see = () => {
    const failed = broken.exec(line)
    if (failed !== null) error = { message: failed[0] }
    const found = spent.exec(line)
    if (found !== null) {
      // An answer after a failure: it tried again and came through.
      error = undefined
      const [, sent, written, hit, received, cost] = found
      usage = {
        inputTokens: (usage?.inputTokens ?? 0) + count(sent),
        cacheWriteTokens: (usage?.cacheWriteTokens ?? 0) + count(written),
        cacheReadTokens: (usage?.cacheReadTokens ?? 0) + count(hit),
        outputTokens: (usage?.outputTokens ?? 0) + count(received),
        ...(cost === undefined ? {} : { costUsd: (usage?.costUsd ?? 0) + count(cost) }),
        ...defined({ model }),
      }
      emit({ type: 'usage', usage })
    }
    line = ''
  }
  return {
    push(text) {
      inner.push(text)
      for (const [at, part] of text.split('\n').entries()) {
        if (at > 0) see()
        if (line.length < 1000) line += part.slice(0, 1000)
      }
    },
    finish() {
      see()
      return { ...inner.finish(), ...defined({ usage, error }) }
    },
  }
}

function count(shown: string | undefined): number {
  if (shown === undefined) return 0
  const value = Number.parseFloat(shown.replaceAll(',', ''))
  const factor = /k$/i.test(shown) ? 1000 : /m$/i.test(shown) ? 1_000_000 : 1
  return Number.isFinite(value) ? (factor === 1 ? value : Math.round(value * factor)) : 0
}
