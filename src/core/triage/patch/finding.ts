/** What a finding in a patch is about. */
export type PatchFindingKind =
  | 'secret'
  | 'possible_secret'
  | 'instruction'
  | 'hidden_text'
  | 'remote_script'
  | 'decoded_code'
  | 'reverse_shell'
  | 'install_script'
  | 'git_hook'
  | 'permissions'
  | 'tls_off'
  | 'raw_address'
  | 'exfiltration'
  | 'binary'
  | 'symlink'
  | 'submodule'
  | 'tests'
  | 'ci'
  | 'unclear'

/** Something that a patch adds and that must not leave the machine, or not reach a reviewer unseen. */
export interface PatchFinding {
  readonly path: string
  /** In the new file; 0 for the file as a whole. */
  readonly line: number
  readonly kind: PatchFindingKind
  readonly severity: 'escalate' | 'deny'
  /** For people, a few words. */
  readonly what: string
  /** What stands there, on one line, without secrets; what cannot be seen is written as `\u{202E}`. */
  readonly excerpt: string
}

/** What to look for in added text. Each shape is linear: what repeats in it is bounded. */
export interface TextRule {
  readonly kind: PatchFindingKind
  readonly what: string
  readonly severity?: 'deny'
  /** In lower case; a text with none of these cannot fit. Empty: always look. */
  readonly hints: readonly string[]
  readonly shape: RegExp
  /** Only in these files. */
  readonly files?: RegExp
  /** Whether a match counts: it, the text and where it stands. */
  readonly counts?: (match: RegExpExecArray, text: string) => boolean
}
