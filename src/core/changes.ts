/** What a run may change; what is absent is not looked at. Globs are relative to the top of the repository. */
export interface ChangeLimits {
  readonly maxFiles?: number | undefined
  readonly maxLines?: number | undefined
  readonly deny?: readonly string[] | undefined
  /** Absent or empty: all. */
  readonly allow?: readonly string[] | undefined
}

const shown = 5

/** What is wrong with a change, a line each; empty when it may be. `lines`: added and removed in all. */
export function changeBreaches(
  limits: ChangeLimits,
  change: { readonly files: readonly string[]; readonly lines?: number },
): string[] {
  const { maxFiles, maxLines, deny = [], allow = [] } = limits
  const { files, lines } = change
  const list = (paths: readonly string[]) =>
    `${paths.slice(0, shown).join(', ')}${paths.length > shown ? ` and ${paths.length - shown} more` : ''}`
  const denied = files.filter((file) => deny.some((glob) => fitsGlob(glob, file)))
  const outside = allow.length === 0 ? [] : files.filter((file) => !allow.some((glob) => fitsGlob(glob, file)))
  return [
    ...(denied.length === 0 ? [] : [`changed what must not change: ${list(denied)}`]),
    ...(maxFiles === undefined || files.length <= maxFiles
      ? []
      : [`changed ${files.length} files, at most ${maxFiles} may change`]),
    ...(maxLines === undefined || lines === undefined || lines <= maxLines
      ? []
      : [`changed ${lines} lines, at most ${maxLines} may change`]),
    ...(outside.length === 0 ? [] : [`changed what is not allowed to change: ${list(outside)}`]),
  ]
}

/**
 * Whether a path fits a glob: `*` and `?` stay within a folder, `**` does not. One without a slash fits a name in any folder, one
 * with a slash at its end everything below. Letter case counts. Takes time in proportion to glob times path.
 */
export function fitsGlob(glob: string, path: string): boolean {
  const plain = glob.replace(/^\.?\/+/, '')
  if (plain === '') return false
  const whole = plain.endsWith('/') ? `${plain}**` : plain
  const parts = whole.split('/')
  const names = path.split('/')
  const pattern = glob.includes('/') && !/^[^/]+\/$/.test(glob) ? parts : ['**', ...parts]
  // What fits so far, one entry per length of the path that was used up.
  let fits = names.map(() => false).concat(false)
  fits[0] = true
  for (const part of pattern) {
    const next = fits.map(() => false)
    for (let at = 0; at <= names.length; at++) {
      if (part === '**') next[at] = fits[at] === true || (at > 0 && next[at - 1] === true)
      else if (at > 0) next[at] = fits[at - 1] === true && fitsName(part, names[at - 1] ?? '')
    }
    fits = next
  }
  // A folder that is named stands for all below it.
  return fits.slice(1).some((fit) => fit) && (fits[names.length] === true || !/[*?]/.test(pattern.at(-1) ?? ''))
}

function fitsName(pattern: string, name: string): boolean {
  let fits = [true, ...Array.from({ length: name.length }, () => false)]
  for (const char of pattern) {
    const next = fits.map(() => false)
    for (let at = 0; at <= name.length; at++) {
      if (char === '*') next[at] = fits[at] === true || (at > 0 && next[at - 1] === true)
      else if (at > 0) next[at] = fits[at - 1] === true && (char === '?' || char === name[at - 1])
    }
    fits = next
  }
  return fits[name.length] === true
}
