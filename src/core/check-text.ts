/** A check as it is written in one line: `shell: …` is run by a shell, all else without one. */
export function checkOf(text: string): string | { readonly shell: string; readonly name: string } {
  const shell = /^\s*shell:\s*(.*)$/s.exec(text)?.[1]
  return shell === undefined ? text : { shell, name: shell.trim().slice(0, 200) }
}
