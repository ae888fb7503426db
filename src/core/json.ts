/** Anything that survives JSON unchanged. What a step returns, what a signal carries and what a spec holds is of this shape. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json | undefined }

/** A JSON object. */
export type JsonObject = { readonly [key: string]: Json | undefined }
