// The live outline of grow and feather: a distance field of the mask once per change, contours of it for any slider
// position. drape grows by a disc and feathers over the distance outside it, so both edges are level lines.

const FAR = 1e9;

/**
 * Signed distance to the mask's edge in mask pixels, negative inside, at a reduced size of at most `limit` a side.
 * Returns {width, height, scale, field, empty}: `scale` is field pixels per mask pixel.
 */
export function distanceField(mask, limit = 384) {
  const scale = Math.min(1, limit / Math.max(mask.width, mask.height));
  const width = Math.max(2, Math.round(mask.width * scale));
  const height = Math.max(2, Math.round(mask.height * scale));
  const inside = new Uint8Array(width * height);
  let any = 0;
  for (let y = 0; y < height; y++) {
    const sy = Math.min(mask.height - 1, Math.floor(((y + 0.5) * mask.height) / height));
    for (let x = 0; x < width; x++) {
      const sx = Math.min(mask.width - 1, Math.floor(((x + 0.5) * mask.width) / width));
      inside[y * width + x] = mask.data[sy * mask.width + sx] >= 128 ? 1 : 0;
      any |= inside[y * width + x];
    }
  }
  const out = squaredDistances(inside, width, height, 1);
  const within = squaredDistances(inside, width, height, 0);
  const field = new Float32Array(width * height);
  for (let i = 0; i < field.length; i++) {
    const d = inside[i] ? -(Math.sqrt(within[i]) - 0.5) : Math.sqrt(out[i]) - 0.5;
    field[i] = Math.max(-FAR, Math.min(FAR, d / scale));
  }
  return { width, height, scale, field: smooth(field, width, height), empty: !any };
}

/* The mean of three by three, so that the lines do not show the steps of pixels. */
function smooth(field, width, height) {
  const out = new Float32Array(field.length);
  for (let y = 0; y < height; y++) {
    const above = Math.max(0, y - 1) * width;
    const below = Math.min(height - 1, y + 1) * width;
    for (let x = 0; x < width; x++) {
      const l = Math.max(0, x - 1);
      const r = Math.min(width - 1, x + 1);
      let sum = 0;
      for (const row of [above, y * width, below]) sum += field[row + l] + field[row + x] + field[row + r];
      out[y * width + x] = sum / 9;
    }
  }
  return out;
}

/* Squared Euclidean distance of every pixel to the nearest whose value is `to` (Felzenszwalb & Huttenlocher 2012). */
function squaredDistances(inside, width, height, to) {
  const grid = new Float64Array(width * height);
  for (let i = 0; i < grid.length; i++) grid[i] = inside[i] === to ? 0 : FAR;
  const n = Math.max(width, height);
  const f = new Float64Array(n);
  const v = new Int32Array(n);
  const z = new Float64Array(n + 1);
  for (let x = 0; x < width; x++) {
    for (let y = 0; y < height; y++) f[y] = grid[y * width + x];
    lower(f, height, v, z, (y, d) => { grid[y * width + x] = d; });
  }
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) f[x] = grid[y * width + x];
    lower(f, width, v, z, (x, d) => { grid[y * width + x] = d; });
  }
  return grid;
}

/* The lower envelope of the parabolas f[q] + (p - q)^2. */
function lower(f, n, v, z, put) {
  let k = 0;
  v[0] = 0;
  z[0] = -Infinity;
  z[1] = Infinity;
  for (let q = 1; q < n; q++) {
    let s = 0;
    for (;;) {
      s = (f[q] + q * q - (f[v[k]] + v[k] * v[k])) / (2 * q - 2 * v[k]);
      if (s > z[k]) break;
      k -= 1;
    }
    k += 1;
    v[k] = q;
    z[k] = s;
    z[k + 1] = Infinity;
  }
  k = 0;
  for (let p = 0; p < n; p++) {
    while (z[k + 1] < p) k += 1;
    put(p, (p - v[k]) ** 2 + f[v[k]]);
  }
}

/**
 * The lines where the field equals `level` (mask pixels outside the mask), as a flat list of segments
 * x0, y0, x1, y1 in mask pixels: marching squares with linear interpolation.
 */
export function contour({ width, height, field }, level, maskWidth, maskHeight) {
  const kx = maskWidth / width;
  const ky = maskHeight / height;
  const segments = [];
  const at = (x, y) => field[y * width + x] - level;
  for (let y = 0; y + 1 < height; y++) {
    for (let x = 0; x + 1 < width; x++) {
      const corners = [at(x, y), at(x + 1, y), at(x + 1, y + 1), at(x, y + 1)];
      const points = crossings(corners, x + 0.5, y + 0.5);
      for (let i = 0; i + 1 < points.length; i += 2) {
        segments.push(points[i][0] * kx, points[i][1] * ky, points[i + 1][0] * kx, points[i + 1][1] * ky);
      }
    }
  }
  return segments;
}

/* Where the cell's edges change sign, walking around it; two neighbours in the list are one line. */
function crossings(c, x, y) {
  const corner = [[x, y], [x + 1, y], [x + 1, y + 1], [x, y + 1]];
  const points = [];
  for (let i = 0; i < 4; i++) {
    const j = (i + 1) % 4;
    if (c[i] < 0 === c[j] < 0) continue;
    const t = c[i] / (c[i] - c[j]);
    points.push([corner[i][0] + t * (corner[j][0] - corner[i][0]), corner[i][1] + t * (corner[j][1] - corner[i][1])]);
  }
  return points;
}
