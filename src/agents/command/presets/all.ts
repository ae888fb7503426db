import type { Preset } from '../preset.ts'
import { aider } from './aider.ts'
import { claudeCode } from './claude-code.ts'
import { codex } from './codex.ts'
import { copilot } from './copilot.ts'
import { cursor } from './cursor.ts'
import { gemini } from './gemini.ts'
import { grok } from './grok.ts'
import { opencode } from './opencode.ts'
import { pi } from './pi.ts'

/** Every CLI we know, in the order in which `auto` looks for an installed one. */
export const presets: readonly Preset[] = [claudeCode, codex, opencode, gemini, copilot, cursor, grok, pi, aider]
