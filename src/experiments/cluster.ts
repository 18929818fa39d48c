// Hierarchical clustering: every vector begins as a cluster of its own, and the two nearest are joined until
// one is left. Vectors are compared by their direction from the mean of all, 1 - cos; clusters by their two
// members that are farthest apart (complete linkage). Read next: elman-words.ts.

/** A leaf is the number of a vector; a join has two parts and the height, their distance. */
export type Dendrogram =
  number | { readonly parts: readonly [Dendrogram, Dendrogram], readonly height: number }

export function cluster(vectors: readonly ArrayLike<number>[]): Dendrogram {
  const units = directions(vectors)
  const distances = units.map((a) => units.map((b) => 1 - a.reduce((sum, x, k) => sum + x * b[k], 0)))
  let clusters = units.map((_, i): { tree: Dendrogram, members: number[] } => ({ tree: i, members: [i] }))
  while (clusters.length > 1) {
    let nearest = { height: Infinity, i: 0, j: 0 }
    for (let i = 0; i < clusters.length; i++) {
      for (let j = 0; j < i; j++) {
        const pairs = clusters[i].members.flatMap((a) => clusters[j].members.map((b) => distances[a][b]))
        const height = Math.max(...pairs)
        if (height < nearest.height) nearest = { height, i, j }
      }
    }
    const { height, i, j } = nearest
    const [a, b] = [clusters[i], clusters[j]]
    clusters = clusters.filter((other) => other !== a && other !== b)
    clusters.push({ tree: { parts: [a.tree, b.tree], height }, members: [...a.members, ...b.members] })
  }
  return clusters[0].tree
}

/** The vectors, less their mean, at length 1. */
function directions(vectors: readonly ArrayLike<number>[]): number[][] {
  const lists = vectors.map((vector) => Array.from(vector))
  const mean = lists[0].map((_, k) => lists.reduce((sum, list) => sum + list[k], 0) / lists.length)
  return lists.map((list) => {
    const away = list.map((x, k) => x - mean[k])
    const length = Math.hypot(...away)
    return away.map((x) => x / length)
  })
}

/** The leaves, from one end of the tree to the other. */
export function leavesOf(tree: Dendrogram): number[] {
  return typeof tree === 'number' ? [tree] : tree.parts.flatMap(leavesOf)
}
