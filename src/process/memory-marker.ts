/** What runtimes print when memory runs out, each a line of its own. Common words (`out of memory`) alone are none: programs speak of memory too. */
const markers: readonly RegExp[] = [
  // Node and V8
  /^.*FATAL ERROR: .{0,200}(?:heap out of memory|Allocation failed|allocation failed|OOM).*$/m,
  /^#? ?Fatal (?:process|JavaScript) out of memory.*$/m,
  /^.*\bJavaScript heap out of memory$/m,
  /^.*\b(?:spawn|spawnSync|fork|read|write)(?: \S{1,200})? ENOMEM\b.*$/m,
  /^.*\bENOMEM: .{0,200}$/m,
  // Python
  /^(?:[Ee]rror: )?(?:[\w.]{1,100}\.)?MemoryError\b.*$/m,
  // C++
  /^.*\bstd::bad_alloc\b.*$/m,
  // Go
  /^.*\bruntime: (?:out of memory|cannot allocate memory)\b.*$/m,
  // Java, .NET, Ruby, PHP
  /^.*\bjava\.lang\.OutOfMemoryError\b.*$/m,
  /^.*There is insufficient memory for the Java Runtime Environment.*$/m,
  /^.*\bSystem\.OutOfMemoryException\b.*$/m,
  /^.*\(NoMemoryError\).*$/m,
  /^.*Allowed memory size of \d+ bytes exhausted.*$/m,
  // Rust
  /^.*\bmemory allocation of \d+ bytes failed\b.*$/m,
  // What the C library says of ENOMEM, and what Rust and Python make of it
  /^.*: Cannot allocate memory(?: \(os error 12\))?$/m,
  /^.*\[Errno 12\] Cannot allocate memory\b.*$/m,
]

/** The line with which a runtime told that memory ran out, shortened; undefined when there is none. It is evidence only of a process that ended badly. */
export function memoryMarker(text: string): string | undefined {
  for (const marker of markers) {
    const line = marker.exec(text)?.[0]
    if (line !== undefined) return line.trim().slice(0, 200)
  }
  return undefined
}
