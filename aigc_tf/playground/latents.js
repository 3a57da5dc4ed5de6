// Vectors that a model decodes: ways between them, and a search for that of a given picture.

// The point at a share (0 to 1) of the great circle from one vector to another. A straight line would cut through the
// middle, where a normal distribution in many dimensions has no mass.
export function between(start, end, share) {
  const cosine = dot(start, end) / Math.sqrt(dot(start, start) * dot(end, end));
  const angle = Math.acos(Math.min(0.9999, Math.max(-0.9999, cosine)));
  const [first, second] = [Math.sin((1 - share) * angle), Math.sin(share * angle)];
  return start.map((number, place) => (first * number + second * end[place]) / Math.sin(angle));
}

// The vector moved along directions by so much each.
export function moved(vector, directions, along) {
  return vector.map((number, place) =>
    along.reduce((sum, step, which) => sum + step * directions[which][place], number));
}

const AT_ONCE = 64, DRAWS = 8, ROUNDS = 40, KEPT = 16, SHRINKING = 0.93;

// The best of many vectors: of random ones, then of random steps from there, which get smaller.
//   distances(vectors, labels): how far each is from what is looked for; a promise.
//   size: numbers in a vector; labels: those to choose from (null for a model that takes none).
//   progress(share, best): called after each round; the search ends early where it returns false.
// Returns {vector, label, distance}. The same question has the same answer: the random numbers have a fixed seed.
export async function search(distances, size, labels, progress) {
  const random = normal(1);
  const draw = () => Array.from({length: size}, random);
  let best = {distance: Infinity}, going = true;
  const look = async (vectors, which) => {
    const found = await distances(vectors, which);
    const ranked = vectors.map((vector, row) => ({vector, label: which?.[row] ?? null, distance: found[row]}));
    ranked.sort((one, other) => one.distance - other.distance);
    if (ranked[0].distance < best.distance) best = ranked[0];
    return ranked;
  };
  const rounds = DRAWS + ROUNDS;
  for (let round = 0; round < DRAWS && going; round++) {
    await look(Array.from({length: AT_ONCE}, draw), labels && Array.from({length: AT_ONCE}, (_, row) => labels[row % labels.length]));
    going = progress((round + 1) / rounds, best);
  }
  let centre = best.vector, step = 0.5;
  for (let round = DRAWS; round < rounds && going; round++) {
    const tries = Array.from({length: AT_ONCE}, () => centre.map(number => number + step * random()));
    const kept = (await look(tries, labels && Array(AT_ONCE).fill(best.label))).slice(0, KEPT);
    centre = centre.map((_, place) => kept.reduce((sum, each) => sum + each.vector[place], 0) / KEPT);
    step *= SHRINKING;
    going = progress((round + 1) / rounds, best);
  }
  return best;
}

function dot(one, other) {
  return one.reduce((sum, number, place) => sum + number * other[place], 0);
}

// Standard normal numbers, the same ones for the same seed (mulberry32, and Box and Muller's way from there).
function normal(seed) {
  let state = seed;
  const uniform = () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  return () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
}
