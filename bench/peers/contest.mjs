// What the comparisons share: equal results first, then times taken in turns, medians of them.
//
// A peer is a library: { key, name, layer(layer, size, operands), ... }. It gives a side, which is one job
// set up: { results(), clocked(seconds), dispose() }. results() computes and gives { name: numbers };
// clocked() calls for so many seconds, once or more, and gives the milliseconds of each call. Sides take
// turns, so that what disturbs the machine disturbs all; a slow one has few: its seconds are spent sooner.
// Read next: cpu.mjs and run.mjs, which hold the contests.

const TOLERANCE = 1e-4 // max |a - b| / max |b|
const TURN = 0.03 // seconds

/** A side whose calls are made here. */
export function side(call, results, dispose = () => {}) {
  const clocked = async (seconds) => {
    const times = []
    const end = performance.now() + seconds * 1e3
    while (times.length === 0 || performance.now() < end) {
      const begun = performance.now()
      await call()
      times.push(performance.now() - begun)
    }
    return times
  }
  return { results, clocked, dispose }
}

/**
 * Stops if a value differs. `least`: what counts as the largest value where all are smaller.
 * `from`: the first element that counts, where those before mean other things.
 */
function compare(what, found, right, least = {}, from = {}) {
  for (const [name, values] of Object.entries(found)) {
    const wanted = right[name]
    let [difference, largest] = [0, least[name] ?? 0]
    for (let i = from[name] ?? 0; i < wanted.length; i++) {
      difference = Math.max(difference, Math.abs(values[i] - wanted[i]))
      largest = Math.max(largest, Math.abs(wanted[i]))
    }
    const ok = values.length === wanted.length && difference <= TOLERANCE * largest
    if (!ok) throw new Error(`${what}: ${name} is off by ${(difference / largest).toExponential(1)}`)
  }
}

const median = (all) => [...all].sort((a, b) => a - b)[all.length >> 1]

/**
 * The median time of a call of each side, in milliseconds; each has so many seconds, one turn at least.
 * `isWarm`: which of them have computed for long enough already.
 */
export async function inTurns(sides, seconds, isWarm = []) {
  const all = sides.map(() => ({ times: [], spent: 0 }))
  for (const [k, one] of sides.entries()) if (!isWarm[k]) await one.clocked(TURN) // the first calls compile
  while (all.some(({ spent }) => spent < seconds * 1e3)) {
    for (const [k, one] of sides.entries()) {
      if (all[k].spent >= seconds * 1e3) continue
      const times = await one.clocked(TURN)
      all[k].times.push(...times)
      all[k].spent += times.reduce((a, b) => a + b)
      await new Promise((done) => { setTimeout(done, 2) }) // threads that wait by spinning go to sleep
    }
  }
  return all.map(({ times }) => median(times))
}

/** Each peer's side, compared with the first peer's, then timed: median milliseconds by the peer's key. */
export async function contest(what, peers, setUp, seconds, least) {
  process.stderr.write(`${what} ...\n`)
  const sides = []
  for (const peer of peers) sides.push(await setUp(peer))
  let right
  const isWarm = []
  for (const [k, { name, isCompared }] of peers.entries()) {
    if (isCompared) continue
    const started = performance.now()
    const found = await sides[k].results()
    isWarm[k] = performance.now() - started > 1000
    right ??= found
    compare(`${what}: ${name}`, found, right, least)
  }
  const medians = await inTurns(sides, seconds, isWarm)
  for (const one of sides) await one.dispose()
  return Object.fromEntries(peers.map(({ key }, k) => [key, medians[k]]))
}

/**
 * The same for a layer's forward and backward pass; `operands(layer, size, plainReset)` draws the operands.
 * A GRU in which r multiplies h before the recurrent product is compared where that is the same function.
 */
export async function layerContest(peers, layer, size, operands, seconds) {
  const least = { loss: Math.sqrt(size.T * size.B * size.H) } // a sum of so many numbers of either sign
  const isOther = (peer) => layer === 'GRU' && peer.resetsBefore
  if (peers.some(isOther)) {
    const given = operands(layer, size, true)
    const found = async (peer) => {
      const one = await peer.layer(layer, size, given)
      const results = await one.results()
      await one.dispose()
      return results
    }
    const right = await found(peers[0])
    for (const peer of peers.filter(isOther)) {
      compare(`${layer}: ${peer.name}`, await found(peer), right, least, peer.comparable(layer, size))
    }
  }
  const marked = peers.map((peer) => ({ ...peer, isCompared: isOther(peer) }))
  const given = operands(layer, size, false)
  const setUp = (peer) => peer.layer(layer, size, given)
  return contest(`${layer} ${Object.values(size)}`, marked, setUp, seconds, least)
}
