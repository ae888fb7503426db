import type { TextRule } from './finding.ts'

/** What may stand between two words: blanks, line breaks, and the marks of comments and lists. */
const gap = '[\\s*#/>"\'_.,:;|!-]{1,12}'
const words = (...parts: string[]) => new RegExp(parts.join(gap), 'gi')
const machine =
  '(?:ai|llms?|language models?|(?:coding|ai|autonomous) (?:agents?|assistants?)|assistants?|agents?|chatbots?|claude|codex|copilot|gemini|gpt|chatgpt|cursor)'

const toAgents = 'speaks to an agent, not to people'

/** Text that wants to steer whoever reads it as a prompt. */
const instructions: readonly TextRule[] = [
  [
    ['ignore', 'disregard', 'forget', 'override', 'bypass'],
    words(
      '\\b(?:ignore|disregard|forget|override|bypass|do not follow)',
      '(?:(?:all|any|the|every|your|my|of|these|those)[\\s_*]{1,4}){0,3}(?:previous|prior|above|earlier|preceding|former|system|existing|original|safety)',
      '(?:\\w{1,20}[\\s_*]{1,4})?(?:instructions?|prompts?|rules|context|directions?|directives?|guidelines?|messages?|commands?|polic(?:y|ies)|constraints?)\\b',
    ),
  ],
  [
    ['you are now', 'you’re now', "you're now", 'act as'],
    /\byou(?:['’]re| are) now[\s*_"']{1,6}(?:in[\s*_"']{1,4})?(?:an?[\s*_"']{1,4})?(?:developer mode|dan\b|unrestricted|jailbroken|root\b|free of|no longer bound)/gi,
  ],
  [
    ['if you are', 'attention', 'note to', 'note for', 'message to', 'message for', 'instruction'],
    new RegExp(
      `\\b(?:if you(?:['’]re| are)${gap}(?:an?${gap})?(?:ai|llm|large language model|language model|ai (?:agent|assistant)|coding (?:agent|assistant)|autonomous agent)\\b|(?:attention|important (?:note|message|instructions?)|notes?|messages?|hidden instructions?|secret instructions?)${gap}(?:to|for)${gap}(?:all${gap}|the${gap}|any${gap})?${machine}\\b(?!['-]))`,
      'gi',
    ),
  ],
  [
    [
      'do not tell',
      "don't tell",
      'do not mention',
      "don't mention",
      'do not reveal',
      'do not inform',
      'without telling',
      'without informing',
      'do not show',
      'without mentioning',
    ],
    /\b(?:(?:do not|don['’]t|never)[\s*_]{1,4}(?:tell|inform|mention|reveal|report|show)(?:[\s*_]{1,4}(?:this|it|that|anything))?(?:[\s*_]{1,4}to)?|without[\s*_]{1,4}(?:telling|informing|notifying|mentioning (?:it|this) to))[\s*_]{1,4}(?:the[\s*_]{1,4})?(?:users?|humans?|reviewers?|developers?|operators?|maintainers?)\b/gi,
  ],
  [
    [
      '<|im_',
      '<|system|>',
      '<|user|>',
      '<|assistant|>',
      '<|endoftext|>',
      '[inst]',
      '<<sys>>',
      '<system',
      '</system>',
      '<important>',
      'system prompt:',
      'new instructions',
    ],
    /<\|(?:im_start|im_end|system|user|assistant|endoftext|eot_id|start_header_id)\|>|\[\/?INST\]|<<\/?SYS>>|<\/?system(?:-reminder|[-_]prompt|[-_]message)?>|<IMPORTANT>|\b(?:BEGIN|END|NEW|UPDATED) (?:SYSTEM PROMPT|SYSTEM MESSAGE|INSTRUCTIONS?)\b\s{0,2}[:\]-]/gi,
  ],
  [
    ['reveal', 'print', 'send', 'leak', 'exfiltrate', 'upload', 'output', 'repeat', 'paste'],
    /\b(?:reveal|print|send|leak|exfiltrate|upload|output|repeat|paste|include)[\s*_]{1,4}(?:me[\s*_]{1,4})?(?:all[\s*_]{1,4}(?:of[\s*_]{1,4})?)?your[\s*_]{1,4}(?:full[\s*_]{1,4}|entire[\s*_]{1,4})?(?:system[\s*_]{1,4}prompt|(?:initial|hidden|original)[\s*_]{1,4}instructions?|environment variables|env vars|api[\s*_-]{1,4}keys?|credentials|secrets)\b/gi,
  ],
  [
    ['verdict', 'approve this', 'mark this', 'auto-merge this', 'merge this'],
    /\bverdict[\s*_]{0,3}:[\s*_]{0,4}(?:approved?|accept(?:ed)?|pass(?:ed)?)\b|\b(?:approve|auto-?merge)[\s*_]{1,4}this[\s*_]{1,4}(?:pull request|pr|change|patch|merge request)[\s*_]{1,4}(?:immediately|without|automatically|regardless|now)\b|\bmark[\s*_]{1,4}(?:this|all)[\s*_]{1,4}(?:\w{1,12}[\s*_]{1,4})?as[\s*_]{1,4}(?:safe|approved|verified)\b/gi,
  ],
  [
    ['anweisung', 'instruc', '指令', '指示', 'инструкци'],
    /\bignorier(?:e|en sie)[\s*_]{1,4}(?:alle[\s*_]{1,4})?(?:vorherigen|bisherigen|obigen)[\s*_]{1,4}anweisungen|\bignor(?:a|e)[\s*_]{1,4}(?:todas[\s*_]{1,4})?las[\s*_]{1,4}instrucciones[\s*_]{1,4}(?:anteriores|previas)|\bignore[zr]?[\s*_]{1,4}(?:toutes[\s*_]{1,4})?les[\s*_]{1,4}instructions[\s*_]{1,4}pr[ée]c[ée]dentes|忽略(?:所有)?(?:以上|之前|先前|前面)的?(?:所有)?(?:指令|指示)|игнорируй(?:те)?[\s*_]{1,4}(?:все[\s*_]{1,4})?(?:предыдущие|прежние)[\s*_]{1,4}инструкции/giu,
  ],
].map(
  ([hints, shape]): TextRule => ({
    ...{ kind: 'instruction', what: toAgents },
    ...{ hints: hints as readonly string[], shape: shape as RegExp },
  }),
)

const rightToLeft = /[\p{Script=Hebrew}\p{Script=Arabic}\p{Script=Syriac}\p{Script=Thaana}]/u
const unseen = 'text that a reader does not see, or sees elsewhere'

/** Characters that make a reader see something else than a machine does. */
const hidden: readonly TextRule[] = [
  { kind: 'hidden_text', what: unseen, hints: [], shape: /[\u202A-\u202E\u2066-\u2069]/g },
  { kind: 'hidden_text', what: unseen, hints: [], shape: /(?![\t\n\f\r])\p{Cc}|\r(?!\n|$)/gu },
  {
    kind: 'hidden_text',
    what: unseen,
    hints: [],
    shape: /[\u200B\u2060-\u2064\u206A-\u206F\u180E\u115F\u1160\u3164\uFFA0\uFFF9-\uFFFB]/g,
  },
  {
    kind: 'hidden_text',
    what: unseen,
    hints: ['\uFEFF'],
    shape: /\uFEFF/g,
    // At the top of a file it says how the file is encoded.
    counts: ({ index }) => index > 0,
  },
  {
    kind: 'hidden_text',
    what: unseen,
    hints: ['\u200C', '\u200D', '\u00AD'],
    // Between Latin letters they join nothing.
    shape: /(?<=[\u0021-\u007E])(?:\u200C|\u200D|\u00AD){1,20}(?=[\u0021-\u007E])/g,
  },
  {
    kind: 'hidden_text',
    what: unseen,
    hints: ['\u200E', '\u200F', '\u061C'],
    shape: /[\u200E\u200F\u061C]/g,
    counts: ({ index }, text) => !rightToLeft.test(text.slice(Math.max(0, index - 200), index + 200)),
  },
  // Letters of a second, invisible alphabet. Flags of countries' parts are written with them too, behind a black flag.
  {
    kind: 'hidden_text',
    what: unseen,
    hints: ['\uDB40'],
    shape: /(?<!\u{1F3F4}[\u{E0020}-\u{E007E}]{0,7})[\u{E0000}-\u{E007F}]|[\u{E0100}-\u{E01EF}]{2}/gu,
  },
  { kind: 'hidden_text', what: unseen, hints: ['\uFE00', '\uFE01', '\uFE0E', '\uFE0F'], shape: /[\uFE00-\uFE0F]{3}/g },
  {
    kind: 'hidden_text',
    what: 'something stands far to the right, out of sight',
    hints: ['          '],
    shape: /[^\s|][ \t]{150}[ \t]{0,2000}[^\s|\\-]/g,
  },
]

const made =
  /example|sample|dummy|fake|placeholder|changeme|change_me|your[_-]|xxxx|\*\*\*|redacted|123456|abcdef|test|todo|<[^>]*>|\$\{|\{\{|%s|\$\(|process\.env|os\.environ|getenv|localhost|lorem/i

/** Whether a text looks like it was drawn by lot. */
export function isRandom(text: string, bits: number): boolean {
  if (made.test(text) || !/\d/.test(text) || !/[A-Za-z]/.test(text)) return false
  const counts = new Map<string, number>()
  for (const char of text) counts.set(char, (counts.get(char) ?? 0) + 1)
  let entropy = 0
  for (const count of counts.values()) entropy -= (count / text.length) * Math.log2(count / text.length)
  return entropy >= bits
}

const named =
  '(?:passw(?:or)?d|passphrase|pwd|secret|token|api[_-]?key|apikey|access[_-]?key|private[_-]?key|encryption[_-]?key|signing[_-]?key|client[_-]?secret|credentials?|auth[_-]?key)'
const secretHints = ['pass', 'pwd', 'secret', 'token', 'key', 'credential']

/** Secrets besides the shapes that core/redact.ts knows. */
export const secretRules: readonly TextRule[] = [
  {
    kind: 'secret',
    severity: 'deny',
    what: 'a secret',
    hints: [
      'hooks.slack.com',
      '/api/webhooks/',
      'sg.',
      'pypi-',
      'accountkey=',
      'shpat_',
      'dop_v1_',
      'gocspx-',
      'age-secret-key',
      'xapp-',
      ':aa',
    ],
    shape:
      /hooks\.slack\.com\/services\/T[A-Z0-9]{6,14}\/B[A-Z0-9]{6,14}\/[A-Za-z0-9]{16,40}|discord(?:app)?\.com\/api\/webhooks\/\d{15,22}\/[\w-]{50,90}|\bSG\.[\w-]{20,24}\.[\w-]{40,46}|\bpypi-AgEI[\w-]{50,200}|\bAccountKey=[A-Za-z0-9+/]{80,90}={0,2}|\bshpat_[0-9a-f]{32}|\bdop_v1_[0-9a-f]{64}|\bGOCSPX-[\w-]{24,32}|\bAGE-SECRET-KEY-1[A-Z0-9]{50,60}|\bxapp-\d-[A-Z0-9]{8,14}-\d{8,16}-[0-9a-f]{40,80}|(?<!\d)\d{8,10}:AA[\w-]{32,34}(?![\w-])/g,
  },
  {
    kind: 'secret',
    severity: 'deny',
    what: 'a secret',
    hints: ['aws_secret', 'secretaccesskey', 'secret_access_key'],
    shape: /\b(?:aws_)?secret_?access_?key["']?\s{0,4}[:=]\s{0,4}["']?([A-Za-z0-9/+]{40})(?![A-Za-z0-9/+=])/gi,
    counts: ([, value = '']) => isRandom(value, 3.5),
  },
  {
    kind: 'possible_secret',
    what: 'may be a secret',
    hints: secretHints,
    shape: new RegExp(
      `${named}\\w{0,20}["'\\]]{0,2}\\s{0,4}(?::=|=>|[:=])\\s{0,4}["'\`]([^"'\`\\s]{12,200})["'\`]`,
      'gi',
    ),
    counts: ([, value = '']) => isRandom(value, 3.2),
  },
  {
    kind: 'possible_secret',
    what: 'may be a secret',
    hints: secretHints,
    files: /(?:^|\/)(?:\.env[^/]*|[^/]+\.(?:env|ini|cfg|conf|properties|ya?ml|toml|tfvars))$/i,
    shape: new RegExp(`${named}\\w{0,20}\\s{0,4}[:=]\\s{0,4}([A-Za-z0-9+/_=.-]{16,200})\\s{0,4}$`, 'gim'),
    counts: ([, value = '']) =>
      isRandom(value, 3.5) && /[a-z]/.test(value) && (/[A-Z]/.test(value) || /^[0-9a-f]{32,}$/.test(value)),
  },
]

export const textRules: readonly TextRule[] = [...instructions, ...hidden]
