/** What an append must know of its run. */
export interface HeldRun {
  readonly no: number
  /** The run's own scope, and all of them as JSON. */
  readonly scope: string
  readonly scopes: string
  readonly lastSeq: number
  readonly epoch: number
  readonly driven: boolean
}
