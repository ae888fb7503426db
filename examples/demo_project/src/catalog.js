/** The ids that more than one product has, each once, in the order in which they are first seen. */
export function duplicates(products) {
  const found = []
  for (const one of products) {
    const times = products.filter((other) => other.id === one.id).length
    if (times > 1 && !found.includes(one.id)) found.push(one.id)
  }
  return found
}
