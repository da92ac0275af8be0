// The few words that tests of modules need. A test's name is a sentence.

export const tests = [];
export function test(name, fn) { tests.push({ name, fn }); }

export function ok(value, what = 'it') {
  if (!value) throw new Error(`${what} does not hold`);
}

export function equal(got, want, what = 'value') {
  const [a, b] = [JSON.stringify(got), JSON.stringify(want)];
  if (a !== b) throw new Error(`${what} is ${a}, expected ${b}`);
}

export function close(got, want, tolerance, what = 'value') {
  if (!(Math.abs(got - want) <= tolerance)) throw new Error(`${what} is ${got}, expected ${want} within ${tolerance}`);
}

/** A generator of numbers in [0, 1), the same each time. */
export function random(seed) {
  let s = seed >>> 0;
  return () => {
    s = (Math.imul(s, 1664525) + 1013904223) >>> 0;
    return s / 2 ** 32;
  };
}
