/** Lines that follow each other and were all added. */
export interface Added {
  /** Joined by line breaks. */
  readonly text: string
  /** Line in the new file of each line. */
  readonly lines: readonly number[]
  /** Where each begins in the text. */
  readonly starts: readonly number[]
}

/** What a patch says of one file. */
export interface PatchFile {
  readonly path: string
  readonly oldPath: string | undefined
  readonly oldMode: string | undefined
  readonly newMode: string | undefined
  readonly state: 'added' | 'changed' | 'deleted' | 'renamed'
  readonly binary: boolean
  readonly added: readonly Added[]
  readonly removed: ReadonlySet<string>
  /** Why it was not understood, as a whole or in part. What could be read of it stands here all the same. */
  readonly unclear: string | undefined
}

/** A file while it is read. */
class Draft {
  path: string | undefined
  oldPath: string | undefined
  oldMode: string | undefined
  newMode: string | undefined
  state: PatchFile['state'] = 'changed'
  binary = false
  unclear: string | undefined
  readonly removed = new Set<string>()
  readonly #added: Added[] = []
  #texts: string[] = []
  #lines: number[] = []

  add(text: string, line: number): void {
    this.#texts.push(text)
    this.#lines.push(line)
  }

  /** Ends the lines that follow each other. */
  cut(): void {
    if (this.#texts.length === 0) return
    let at = 0
    const starts = this.#texts.map((text) => {
      const start = at
      at += text.length + 1
      return start
    })
    this.#added.push({ text: this.#texts.join('\n'), lines: this.#lines, starts })
    this.#texts = []
    this.#lines = []
  }

  finish(): PatchFile {
    this.cut()
    const { oldPath, oldMode, newMode, state, binary, removed, unclear } = this
    const path = this.path ?? oldPath
    return {
      ...{ path: path ?? '', oldPath, oldMode, newMode, state, binary, removed, added: this.#added },
      unclear: unclear ?? (path === undefined ? 'it names no file' : undefined),
    }
  }
}

const hunkHead = /^@@ -\d{1,9}(?:,(\d{1,9}))? \+(\d{1,9})(?:,(\d{1,9}))? @@/

/**
 * Reads a unified diff as git writes it. Nothing that begins with a plus goes unread: what stands where it should not is added
 * text all the same, and the file is said to be unclear. Linear.
 */
export function readPatch(diff: string): PatchFile[] {
  const files: PatchFile[] = []
  let file: Draft | undefined
  let [oldLeft, newLeft, line] = [0, 0, 1]
  let inHunk = false
  const open = () => {
    if (file !== undefined) files.push(file.finish())
    file = new Draft()
    ;[oldLeft, newLeft, line, inHunk] = [0, 0, 1, false]
    return file
  }
  for (const text of diff.split('\n')) {
    if (file !== undefined && inHunk && (oldLeft > 0 || newLeft > 0)) {
      const sign = text[0] ?? ' '
      if (sign === '+' && newLeft > 0) {
        file.add(text.slice(1), line++)
        newLeft--
        continue
      }
      file.cut()
      if (sign === '-' && oldLeft > 0) {
        file.removed.add(text.slice(1).trim())
        oldLeft--
        continue
      }
      if ((sign === ' ' || text === '' || text === '\r') && oldLeft > 0 && newLeft > 0) {
        oldLeft--
        newLeft--
        line++
        continue
      }
      if (sign === '\\') continue
      file.unclear ??= 'a part of it is shorter than it says'
      ;[oldLeft, newLeft] = [0, 0]
    }
    const hunk = hunkHead.exec(text)
    if (hunk !== null && file !== undefined) {
      file.cut()
      oldLeft = Number(hunk[1] ?? 1)
      newLeft = Number(hunk[3] ?? 1)
      line = Number(hunk[2])
      inHunk = true
    } else if (text.startsWith('diff ')) header(open(), text)
    else if (text.startsWith('--- ') && (file === undefined || inHunk)) {
      // A patch without git's own lines.
      const next = open()
      next.oldPath = nameOf(text.slice(4))
    } else if (file === undefined) {
      // What comes before the first file: a letter, or nothing at all. Added lines without a file are read as such.
      if (text.startsWith('+')) {
        const next = open()
        next.unclear = 'it has added lines before any file'
        next.add(text.slice(1), 1)
        inHunk = true
      }
    } else if (inHunk) {
      if (text.startsWith('+')) {
        file.unclear ??= 'a part of it is longer than it says'
        file.add(text.slice(1), line++)
      } else if (text.startsWith('@@')) file.unclear ??= 'it shows a merge, or is damaged'
    } else extended(file, text)
  }
  if (file !== undefined) files.push(file.finish())
  return files
}

function header(file: Draft, text: string): void {
  if (!text.startsWith('diff --git ')) {
    file.unclear = 'it shows a merge, or is damaged'
    file.path = nameOf(text.slice(text.lastIndexOf(' ') + 1))
    return
  }
  const rest = text.slice('diff --git '.length).replace(/\r$/, '')
  const quoted = /^("(?:[^"\\]|\\.){1,9000}"|[^" ]{1,9000}) ("(?:[^"\\]|\\.){1,9000}"|[^"]{1,9000})$/.exec(rest)
  // Both names are the same where nothing else names the file; then each is half of the line.
  const half = (rest.length - 1) / 2
  const [first, second] = [nameOf(rest.slice(0, half)), nameOf(rest.slice(half + 1))]
  if (rest[half] === ' ' && first === second) [file.oldPath, file.path] = [first, second]
  else if (quoted !== null) [file.oldPath, file.path] = [nameOf(quoted[1] ?? ''), nameOf(quoted[2] ?? '')]
}

/** The lines between a file's first and its first hunk. */
function extended(file: Draft, text: string): void {
  const after = (words: string) => (text.startsWith(words) ? text.slice(words.length).replace(/\r$/, '') : undefined)
  const added = after('new file mode ')
  const deleted = after('deleted file mode ')
  const index = /^index [0-9a-f]{4,64}\.\.[0-9a-f]{4,64} (\d{6})\r?$/.exec(text)
  if (added !== undefined) [file.state, file.newMode] = ['added', added]
  else if (deleted !== undefined) [file.state, file.oldMode] = ['deleted', deleted]
  else if (index !== null) [file.oldMode, file.newMode] = [file.oldMode ?? index[1], file.newMode ?? index[1]]
  else if (text.startsWith('old mode ')) file.oldMode = after('old mode ')
  else if (text.startsWith('new mode ')) file.newMode = after('new mode ')
  else if (text.startsWith('rename from ')) file.oldPath = nameOf(after('rename from ') ?? '', false)
  else if (text.startsWith('rename to ') || text.startsWith('copy to ')) {
    file.path = nameOf(after('rename to ') ?? after('copy to ') ?? '', false)
    file.state = 'renamed'
  } else if (text.startsWith('GIT binary patch') || text.startsWith('Binary files ')) file.binary = true
  else if (text.startsWith('--- ')) file.oldPath = nameOf(text.slice(4)) ?? file.oldPath
  else if (text.startsWith('+++ ')) file.path = nameOf(text.slice(4)) ?? file.path
  else if (text.startsWith('+') && !file.binary) {
    file.unclear ??= 'it has added lines outside of any part'
    file.add(text.slice(1), 1)
  }
}

/** A name as a diff writes it; none for /dev/null. */
function nameOf(written: string, prefixed = true): string | undefined {
  const text = written.replace(/\r$/, '').replace(/\t.*$/, '')
  if (text === '/dev/null') return undefined
  const name = text.startsWith('"') && text.endsWith('"') && text.length > 1 ? unquote(text.slice(1, -1)) : text
  return prefixed ? name.replace(/^[abciow12]\//, '') : name
}

const escapes: Readonly<Record<string, number>> = { a: 7, b: 8, t: 9, n: 10, v: 11, f: 12, r: 13, '"': 34, '\\': 92 }

/** What git put in quotes: octal bytes of UTF-8. */
function unquote(text: string): string {
  const bytes: number[] = []
  const encoder = new TextEncoder()
  for (const [part] of text.matchAll(/\\[0-7]{3}|\\.|[^\\]+|\\/gs)) {
    const octal = /^\\([0-7]{3})$/.exec(part)?.[1]
    if (octal !== undefined) bytes.push(Number.parseInt(octal, 8) & 255)
    else if (part.length === 2 && part[0] === '\\') bytes.push(escapes[part[1] ?? ''] ?? 63)
    else for (const byte of encoder.encode(part)) bytes.push(byte)
  }
  return new TextDecoder().decode(new Uint8Array(bytes))
}
