// Painting: a stroke is a chain of round-ended lines, filled row by row, without gaps however fast the hand moves.

/**
 * Paints a line of the given radius from (x0, y0) to (x1, y1), in mask pixels; a dot when both are equal.
 * Returns the rectangle touched, or null when it lies outside.
 */
export function paintLine(mask, x0, y0, x1, y1, radius, value) {
  const r = Math.max(0.5, radius);
  const left = Math.max(0, Math.floor(Math.min(x0, x1) - r));
  const right = Math.min(mask.width - 1, Math.ceil(Math.max(x0, x1) + r));
  const top = Math.max(0, Math.floor(Math.min(y0, y1) - r));
  const bottom = Math.min(mask.height - 1, Math.ceil(Math.max(y0, y1) + r));
  if (left > right || top > bottom) return null;
  for (let y = top; y <= bottom; y++) {
    const span = rowOfCapsule(x0, y0, x1, y1, r, y + 0.5);
    if (!span) continue;
    const from = Math.max(left, Math.ceil(span[0] - 0.5));
    const to = Math.min(right, Math.floor(span[1] - 0.5));
    if (from <= to) mask.data.fill(value, y * mask.width + from, y * mask.width + to + 1);
  }
  const rect = { x: left, y: top, width: right - left + 1, height: bottom - top + 1 };
  mask.touch(rect);
  return rect;
}

/* Where the line y cuts the set of points within r of the segment: [from, to], or null. The set is convex, so the cut
 * is one interval: the hull of what its two discs and its straight middle give. */
function rowOfCapsule(x0, y0, x1, y1, r, y) {
  let from = Infinity;
  let to = -Infinity;
  const add = (a, b) => {
    from = Math.min(from, a);
    to = Math.max(to, b);
  };
  for (const [cx, cy] of [[x0, y0], [x1, y1]]) {
    const d = y - cy;
    if (Math.abs(d) <= r) {
      const half = Math.sqrt(r * r - d * d);
      add(cx - half, cx + half);
    }
  }
  const length = Math.hypot(x1 - x0, y1 - y0);
  if (length > 0) {
    const nx = (-(y1 - y0) / length) * r;
    const ny = ((x1 - x0) / length) * r;
    const corners = [[x0 + nx, y0 + ny], [x1 + nx, y1 + ny], [x1 - nx, y1 - ny], [x0 - nx, y0 - ny]];
    for (let i = 0; i < 4; i++) {
      const [ax, ay] = corners[i];
      const [bx, by] = corners[(i + 1) % 4];
      if ((ay <= y && by >= y) || (by <= y && ay >= y)) {
        const t = ay === by ? 0 : (y - ay) / (by - ay);
        add(ax + t * (bx - ax), ax + t * (bx - ax));
        if (ay === by) add(bx, bx);
      }
    }
  }
  return from <= to ? [from, to] : null;
}

/** A pen's radius: lightly pressed half, firmly the whole. Fingers and mice report 0.5 or 0 and get the whole. */
export function penRadius(radius, pointerType, pressure) {
  if (pointerType !== 'pen' || !(pressure > 0)) return radius;
  return radius * (0.35 + 0.65 * Math.min(1, pressure));
}
