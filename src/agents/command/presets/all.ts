import type { Preset } from '../preset.ts'
import { aider } from './aider.ts'
import { claudeCode } from './claude-code.ts'
import { codex } from './codex.ts'
import { opencode } from './opencode.ts'

/** Every CLI we know, in the order in which `auto` looks for an installed one. */
export const presets: readonly Preset[] = [claudeCode, codex, opencode, aider]
