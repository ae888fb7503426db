/** Who wants to hear of changes to which run, within this process. */
export class Watchers {
  readonly #calls = new Map<string, Set<(by?: 'append') => void>>()

  get runs(): readonly string[] {
    return [...this.#calls.keys()]
  }

  get empty(): boolean {
    return this.#calls.size === 0
  }

  add(run: string, onChange: (by?: 'append') => void): () => void {
    const call = (by?: 'append') => onChange(by) // the same function may subscribe twice
    const calls = this.#calls.get(run) ?? new Set()
    this.#calls.set(run, calls.add(call))
    return () => {
      calls.delete(call)
      if (calls.size === 0 && this.#calls.get(run) === calls) this.#calls.delete(run)
    }
  }

  /** Calls back in a microtask: a watcher's fault must not look like a failed append. */
  notify(run: string, by?: 'append'): void {
    const calls = this.#calls.get(run)
    if (calls === undefined) return
    for (const call of calls) {
      queueMicrotask(() => {
        if (calls.has(call)) call(by)
      })
    }
  }

  clear(): void {
    for (const calls of this.#calls.values()) calls.clear()
    this.#calls.clear()
  }
}
