/** Why a notice did not arrive. Its message never holds an address: that of a webhook is a secret. */
export class DeliveryFailure extends Error {
  override readonly name = 'DeliveryFailure'
  /** Whether another try may do better. */
  readonly again: boolean
  /** Milliseconds the other side asks to wait before it. */
  readonly afterMs: number | undefined

  constructor(message: string, options: { readonly again: boolean; readonly afterMs?: number | undefined }) {
    super(message)
    this.again = options.again
    this.afterMs = options.afterMs
  }
}
