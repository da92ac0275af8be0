// What kind of picture a mask came as, by the rules of src/io/mask_kind.c: black and white, marks of one colour, strokes
// on a transparent layer, a photo with an erased hole; or a photo, which is no mask. Works on RGBA bytes, no drawing here.

const FLAT = 16; // as many exact colours at most: drawn, not photographed
const SAME = 8; // alphas that differ less do not vary
const NEAR = 48; // of a colour, largest difference of a channel: the same but for noise and soft edges
const COLOURED = 48; // largest less smallest channel: not grey
const BINS = 4096; // 4 bits per channel
const PAINT = 'paint white what is to be replaced, black the rest';
const HUES = ['red', 'orange', 'yellow', 'green', 'green', 'green', 'cyan', 'blue', 'blue', 'purple', 'magenta', 'pink'];

const luma = (r, g, b) => (r * 19595 + g * 38470 + b * 7471 + 0x8000) >> 16;
const distance = (a, b) => Math.max(Math.abs(a[0] - b[0]), Math.abs(a[1] - b[1]), Math.abs(a[2] - b[2]));
const isBlack = (k) => Math.max(...k) < 40;
const isWhite = (k) => Math.min(...k) > 215;
const isColoured = (k) => Math.max(...k) - Math.min(...k) >= COLOURED;
const isGreyValue = (v) => v >= 32 && v < 224;
const unpack = (rgb) => [rgb >> 16, (rgb >> 8) & 255, rgb & 255];

/**
 * One byte per pixel, from 128 on is replaced, of width x height RGBA pixels. Throws where the picture is no mask; the
 * message says what it is.
 */
export function maskBytes(rgba, width, height) {
  const s = survey(rgba, width, height);
  const t = findTones(rgba, s);
  const value = s.most - s.least > SAME ? readTransparent(t, s) : readOpaque(t, s);
  const bytes = new Uint8Array(width * height);
  for (let i = 0, p = 0; i < bytes.length; i++, p += 4) bytes[i] = value(rgba[p], rgba[p + 1], rgba[p + 2], rgba[p + 3]);
  return bytes;
}

/* --- looking ----------------------------------------------------------------------------------------- */

/* A soft edge goes one way, without steps. */
function isBusy(before, v, after) {
  const peak = (v - before > 4 && v - after > 4) || (before - v > 4 && after - v > 4);
  return isGreyValue(v) && (peak || (Math.abs(v - before) > NEAR && isGreyValue(before)));
}

function survey(rgba, width, height) {
  const s = { total: width * height, visible: 0, least: 255, most: 0, edge: 0, edgeVisible: 0, exact: new Map(), grey: 0,
              coloured: 0, busy: 0, darkest: 255, lightest: 0 };
  for (let p = 3; p < rgba.length; p += 4) {
    if (rgba[p] < s.least) s.least = rgba[p];
    if (rgba[p] > s.most) s.most = rgba[p];
  }
  s.seen = (alpha) => alpha > 0 && 2 * alpha >= s.most; // at least half as opaque as the most opaque pixel
  for (let y = 0, p = 0; y < height; y++) {
    let [before, v] = [0, 0];
    for (let x = 0; x < width; x++, p += 4) {
      const [r, g, b] = [rgba[p], rgba[p + 1], rgba[p + 2]];
      const edge = y === 0 || y === height - 1 || x === 0 || x === width - 1;
      const here = s.seen(rgba[p + 3]);
      s.edge += edge;
      s.edgeVisible += edge && here;
      if (!here) continue;
      const coloured = Math.max(r, g, b) - Math.min(r, g, b) >= COLOURED;
      const next = luma(r, g, b);
      s.visible += 1;
      s.coloured += coloured;
      s.grey += coloured || isGreyValue(next);
      s.busy += x >= 2 && isBusy(before, v, next);
      before = v;
      v = next;
      s.darkest = Math.min(s.darkest, v);
      s.lightest = Math.max(s.lightest, v);
      const rgb = (r << 16) | (g << 8) | b;
      if (s.exact.size <= FLAT || s.exact.has(rgb)) s.exact.set(rgb, (s.exact.get(rgb) ?? 0) + 1);
    }
  }
  return s;
}

/* Texture, which the soft edges of a mask do not have. */
function isTextured(s) {
  return (10 * s.grey > s.visible && 25 * s.busy > s.grey) || (5 * s.grey > 2 * s.visible && 50 * s.busy > s.grey);
}

/* --- two colours --------------------------------------------------------------------------------------- */

/* Where a pixel lies on the line from a (0) to b (1), and how far off it. */
function along(a, b, p) {
  let [dot, length, off] = [0, 0, 0];
  for (let k = 0; k < 3; k++) {
    dot += (b[k] - a[k]) * (p[k] - a[k]);
    length += (b[k] - a[k]) ** 2;
  }
  const at = length > 0 ? dot / length : 0;
  for (let k = 0; k < 3; k++) off = Math.max(off, Math.abs(a[k] + at * (b[k] - a[k]) - p[k]));
  return { at, off: at < -0.25 ? 255 : off };
}

/* The most frequent colour, and of those far from it that are frequent the farthest: the pure colour of a soft brush. */
function choose(counts, sums) {
  const mean = (i) => [0, 1, 2].map((k) => Math.round(sums[3 * i + k] / counts[i]));
  let main = -1;
  for (let i = 0; i < BINS; i++) if (counts[i] > (main < 0 ? 0 : counts[main])) main = i;
  if (main < 0) return [];
  const found = [mean(main)];
  const far = [];
  for (let i = 0; i < BINS; i++) {
    if (counts[i] && distance(mean(i), found[0]) > NEAR) far.push({ colour: mean(i), count: counts[i] });
  }
  const frequent = Math.max(0, ...far.map((f) => f.count)) / 4;
  let reach = 0;
  for (const { colour, count } of far) {
    if (count < frequent || distance(colour, found[0]) <= reach) continue;
    reach = distance(colour, found[0]);
    found[1] = colour;
  }
  return found;
}

function findTones(rgba, s) {
  const t = { main: null, other: null, n: 0, strange: 0, between: 0, notMain: 0 };
  if (s.exact.size <= 2) {
    const [first, second] = [...s.exact].sort((a, b) => b[1] - a[1]);
    return { ...t, n: s.exact.size, main: first && unpack(first[0]), other: second && unpack(second[0]), notMain: second?.[1] ?? 0 };
  }
  const counts = new Uint32Array(BINS);
  const sums = new Float64Array(3 * BINS);
  for (let p = 0; p < rgba.length; p += 4) {
    if (!s.seen(rgba[p + 3])) continue;
    const i = ((rgba[p] >> 4) << 8) | ((rgba[p + 1] >> 4) << 4) | (rgba[p + 2] >> 4);
    counts[i] += 1;
    for (let k = 0; k < 3; k++) sums[3 * i + k] += rgba[p + k];
  }
  [t.main, t.other] = choose(counts, sums);
  t.n = t.other ? 2 : 1;
  for (let p = 0; p < rgba.length; p += 4) {
    if (!s.seen(rgba[p + 3])) continue;
    const k = [rgba[p], rgba[p + 1], rgba[p + 2]];
    const main = distance(k, t.main) <= NEAR;
    t.notMain += !main;
    if (main || (t.other && distance(k, t.other) <= NEAR)) continue;
    const off = t.other ? along(t.main, t.other, k).off : 255;
    if (off > NEAR) t.strange += 1;
    else t.between += 1;
  }
  return t;
}

const oneColour = (t, s) => t.n >= 1 && 50 * t.notMain <= s.visible;
const twoClean = (t, s) => t.n === 2 && 50 * t.strange <= s.visible && 10 * t.between <= s.visible;
const twoColours = (t, s) =>
  twoClean(t, s) || (t.n === 2 && 50 * t.strange <= s.visible && 5 * t.between <= 3 * s.visible && !isTextured(s));

/* --- what is said -------------------------------------------------------------------------------------- */

function nameOf(k) {
  const [high, low] = [Math.max(...k), Math.min(...k)];
  if (isBlack(k)) return 'black';
  if (isWhite(k)) return 'white';
  if (high - low < COLOURED) return high < 96 ? 'dark grey' : high > 176 ? 'light grey' : 'grey';
  const d = high - low;
  const hue = high === k[0] ? (k[1] - k[2]) / d : high === k[1] ? 2 + (k[2] - k[0]) / d : 4 + (k[0] - k[1]) / d;
  return HUES[(Math.round(2 * hue) + 12) % 12];
}

function refuseColours(s) {
  const list = [...s.exact].map(([rgb, count]) => ({ colour: unpack(rgb), count })).filter((c) => !isBlack(c.colour))
    .sort((a, b) => b.count - a.count).slice(0, 3).map((c) => `${nameOf(c.colour)} ${Math.round((100 * c.count) / s.total)} %`);
  throw new Error(`the mask has several colours (${list.join(', ')}), and nothing says which are to be replaced; ${PAINT}`);
}

function refusePhoto(s) {
  const part = Math.floor((100 * s.grey) / s.visible);
  throw new Error(`this is a photo, not a mask: ${part} % of it is neither black nor white; ${PAINT}`);
}

/* --- to one channel: functions of a pixel --------------------------------------------------------------- */

const byLuma = (r, g, b, a) => Math.floor((luma(r, g, b) * a + 127) / 255);

/* Two colours; which of them is black and which white. */
function readTwo(t, s) {
  const swap = luma(...t.main) >= luma(...t.other);
  const [dark, light] = swap ? [t.other, t.main] : [t.main, t.other];
  const line = (r, g, b, a) => Math.round(Math.min(1, Math.max(0, along(dark, light, [r, g, b]).at)) * a);
  const greys = !isColoured(dark) && !isColoured(light);
  if (isWhite(dark) || (isBlack(dark) && isWhite(light))) return byLuma;
  if (isBlack(light)) return s.exact.size === 2 && Math.max(...dark) === 0 ? line : byLuma; // a label map
  if (isBlack(dark) || isWhite(light)) {
    const greyBrush = isBlack(dark) ? s.lightest < 128 : s.darkest >= 128;
    return twoClean(t, s) || !greys || greyBrush ? line : byLuma;
  }
  if (greys && !twoClean(t, s)) return byLuma;
  throw new Error(`the mask is ${nameOf(t.main)} and ${nameOf(t.other)}, and nothing says which is to be replaced; ${PAINT}`);
}

function readOpaque(t, s) {
  if (!s.visible) return byLuma;
  if (s.exact.size === 1 && !isBlack(t.main) && !isWhite(t.main)) {
    throw new Error(`the mask is one colour throughout, ${nameOf(t.main)}; ${PAINT}`);
  }
  if (twoColours(t, s)) return readTwo(t, s);
  if (20 * s.coloured > s.visible) return s.exact.size <= FLAT ? refuseColours(s) : refusePhoto(s);
  if (4 * s.grey > 3 * s.visible || isTextured(s)) refusePhoto(s);
  return byLuma;
}

function readTransparent(t, s) {
  const span = s.most - s.least;
  const two = twoColours(t, s);
  const pair = two ? [t.main, t.other] : [];
  if (oneColour(t, s)) return (r, g, b, a) => Math.floor(((a - s.least) * 255) / span);
  if (pair.some(isBlack)) return pair.some(isWhite) ? byLuma : readTwo(t, s);
  if (s.least >= 128) return readOpaque(t, s); // nowhere erased
  if (2 * s.edgeVisible < s.edge && s.exact.size <= FLAT) refuseColours(s);
  return (r, g, b, a) => Math.floor(((s.most - a) * 255) / span);
}
