/** A bug planted in the kernel: one exact piece of its source, and what stands there instead. */
export interface Mutation {
  readonly name: string
  readonly file: string
  readonly find: string
  readonly replace: string
}

/** Bugs a durable kernel could have. The simulator has to find every one. */
export const mutations: readonly Mutation[] = [
  {
    name: 'a result is delivered before it is durable',
    file: 'src/engine/appender.ts',
    find: 'this.#ready.push(...this.#lazy, { entry: { event, ...rest }, patch, done })',
    replace:
      "if (event.kind === 'step_settled') this.#options.onEvent({ ...event, seq: 0, epoch: 0, ts: 0 }); this.#ready.push(...this.#lazy, { entry: { event, ...rest }, patch, done })",
  },
  {
    name: 'recorded results are delivered in the order of requests, not of the journal',
    file: 'src/engine/segment.ts',
    find: 'this.#queue = [...left, ...this.#history.deliverable]',
    replace:
      "this.#queue = [...left, ...this.#history.deliverable].sort((a, b) => ('key' in a && 'key' in b ? (a.key < b.key ? -1 : 1) : 0))",
  },
  {
    name: 'several events are delivered in one macrotask on replay',
    file: 'src/engine/activation.ts',
    find: 'await segment.deliver()\n      this.#wake()',
    replace:
      'await segment.deliver()\n      for (let more = segment.next; segment.replaying && more && segment.canSee(more); more = segment.next) { this.#obey(more); await segment.deliver() }\n      this.#wake()',
  },
  {
    name: 'the epoch is not checked on append',
    file: 'src/store/memory.ts',
    find: '    assertHeld(id, found.head, epoch)\n    const draft',
    replace: '    const draft',
  },
  {
    name: 'unrecorded steps begin while history is still being replayed',
    file: 'src/engine/segment.ts',
    find: 'if (!record?.settled) this.#begin(operation)',
    replace: 'if (!record?.settled) operation.begin()',
  },
  {
    name: 'a signal is journalled without being consumed',
    file: 'src/engine/inbox.ts',
    find: "appender.append({ kind: 'signal_received', signal: values.clean(signal) }, { consume })",
    replace: "appender.append({ kind: 'signal_received', signal: values.clean(signal) })",
  },
  {
    name: 'a second answer to the same ask is taken for a new one',
    file: 'src/engine/mailbox.ts',
    find: 'if (once && this.#answered.has(news)) return undefined',
    replace:
      "if (once && this.#answered.has(news)) for (const other of waiting) if (other.parked?.reason === 'input') return other",
  },
  {
    name: 'a timer starts anew on resume',
    file: 'src/engine/branch.ts',
    find: 'if (recorded === undefined) {\n        const reason',
    replace: '{\n        const reason',
  },
  {
    name: 'a child gets a new id on every resume',
    file: 'src/engine/branch.ts',
    find: 'hashOf([parent.id, key]).slice(0, 8)',
    replace: 'hashOf([parent.id, key, activation.options.epoch]).slice(0, 8)',
  },
  {
    name: 'the end of a child is not told again',
    file: 'src/engine/runs.ts',
    find: 'if (isOver(run)) await this.#tellParent(run)',
    replace: 'if (isOver(run)) return',
  },
  {
    name: 'a cancellation does not reach the children',
    file: 'src/engine/segment.ts',
    find: 'if (operation.child !== undefined) {',
    replace: 'if (operation.child === undefined && operation.child !== undefined) {',
  },
  {
    name: 'a cancellation is delivered at once instead of at its place in the journal',
    file: 'src/engine/activation.ts',
    find: 'this.#segment.receive(event)',
    replace:
      "if (event.kind === 'cancel_requested') this.#segment.drop(() => true, event.reason); this.#segment.receive(event)",
  },
  {
    name: 'steps may begin after a cancellation',
    file: 'src/engine/branch.ts',
    find: 'if (cancelled && !final) throw cancelledError(cancelled.reason)',
    replace: '',
  },
  {
    name: 'the losers of a race go on',
    file: 'src/engine/branch.ts',
    find: "if (i !== index) branch.cancel('another branch won the race')",
    replace: '',
  },
  {
    name: 'a reservation is not counted until it settles',
    file: 'src/store/ledger.ts',
    find: 'used: add(state.used, claimed.amounts) })',
    replace: 'used: state.used })',
  },
  {
    name: 'an aborted attempt is not settled',
    file: 'src/engine/effect.ts',
    find: 'amounts ? { settle: { step: operation.key, attempt, amounts } } : {},\n    )\n  }\n\n  #holds',
    replace: '{},\n    )\n  }\n\n  #holds',
  },
  {
    name: 'an at-most-once step in flight at a crash is done again',
    file: 'src/engine/effect.ts',
    find: 'if (effect.once && tried > 0) {',
    replace: 'if (effect.once && tried > 99) {',
  },
  {
    name: 'a step is performed before its start is durable',
    file: 'src/engine/effect.ts',
    find: "    appender.append(\n      {\n        kind: 'step_started',",
    replace:
      "    if (!reserve && !effect.once) { this.#perform(operation, effect, attempt); return }\n    appender.append(\n      {\n        kind: 'step_started',",
  },
  {
    name: 'a run is suspended while an effect is in flight',
    file: 'src/engine/activation.ts',
    find: 'if (this.release.isReleased || (this.effects.busy && !this.#graceOver) || !this.appender.idle) return',
    replace: 'if (this.release.isReleased || !this.appender.idle) return',
  },
  {
    name: 'messages not taken yet are lost when a new segment is resumed',
    file: 'src/engine/segment.ts',
    find: 'this.#mailbox.restore(first?.mailbox ?? [])',
    replace: 'if (arguments.length > 2) this.#mailbox.restore(first?.mailbox ?? [])',
  },
  {
    name: 'a new segment starts its iterations at 1 again after a resume',
    file: 'src/engine/segment.ts',
    find: 'this.iteration = first?.iteration ?? 0',
    replace: 'this.iteration = 0',
  },
  {
    name: 'a change of the loop applies to what was recorded before it',
    file: 'src/engine/segment.ts',
    find: 'if (didProgress(this.#history, key)) return false',
    replace: '',
  },
]
