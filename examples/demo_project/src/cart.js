/** What a cart costs, in cents. `percentOff` is a discount on everything. */
export function total(items, percentOff = 0) {
  let sum = 0
  for (const item of items) sum += item.price
  return Math.round(sum * (1 - percentOff / 100))
}
