import { join } from 'node:path'
import type { Usage } from '../../../core/ports.ts'
import { asArgument, combined, fitsArgument } from '../invocation.ts'
import { byEnvFile, byFile, byVariable, firstLogin, holdsAnything } from '../login.ts'
import { bedrock } from '../needs.ts'
import type { Preset } from '../preset.ts'
import { defined, type Emit, type ReadError, type Reader, readText } from '../reader.ts'

const keys = [
  'ANTHROPIC_API_KEY',
  'OPENAI_API_KEY',
  'GEMINI_API_KEY',
  'OPENROUTER_API_KEY',
  'DEEPSEEK_API_KEY',
  'XAI_API_KEY',
  'GROQ_API_KEY',
  'AZURE_API_KEY',
  'COHERE_API_KEY',
  'OLLAMA_API_BASE',
]

/** aider: `aider --message …`, as its documentation has it. It prints text, and keeps no session that could be resumed. */
export const aider: Preset = {
  name: 'aider',
  executable: 'aider',
  install: 'python -m pip install aider-install && aider-install',
  login: 'set the API key of your model, as in ANTHROPIC_API_KEY or OPENAI_API_KEY',
  // Any of a hundred providers may be meant: that there is no key which we know says little.
  loggedIn: (place) =>
    firstLogin(
      'unknown',
      byVariable(place, ...keys, 'AWS_ACCESS_KEY_ID', 'AWS_PROFILE', 'GOOGLE_APPLICATION_CREDENTIALS'),
      byEnvFile(place, join(place.home, '.env'), ...keys),
      byFile(place, join(place.home, '.aider/oauth-keys.json'), holdsAnything),
      byEnvFile(place, join(place.home, '.aider/oauth-keys.env'), ...keys),
      /^(?:openai|anthropic)-api-key:\s*\S|^api-key:/m.test(place.read(join(place.home, '.aider.conf.yml')) ?? '')
        ? { state: 'yes', by: '~/.aider.conf.yml' }
        : undefined,
    ),
  needs: {
    home: ['.aider', '.cache/aider', '.cache/litellm'],
    homeRead: [
      '.aider.conf.yml',
      '.aider.model.settings.yml',
      '.aider.model.metadata.json',
      '.env',
      '.local/share/uv',
      '.local/share/pipx',
    ],
    hosts: [
      'api.anthropic.com',
      'api.openai.com',
      'generativelanguage.googleapis.com',
      'openrouter.ai',
      'api.deepseek.com',
      'api.x.ai',
      'api.groq.com',
    ],
    env: ['AIDER_*', 'OPENAI_*', 'ANTHROPIC_*', 'AZURE_*', 'OLLAMA_*', 'LITELLM_*', ...keys],
    also: [bedrock],
  },
  // Test and lint commands, what to load, and where the model's API is.
  projectFiles: ['.aider.conf.yml', '.aider.model.settings.yml', '.aider.model.metadata.json', '.env'],
  env: {
    AIDER_PRETTY: 'false',
    AIDER_CHECK_UPDATE: 'false',
    AIDER_ANALYTICS: 'false',
    // With --yes it would fetch every address that a prompt holds.
    AIDER_DETECT_URLS: 'false',
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
