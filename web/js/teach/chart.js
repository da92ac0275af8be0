// The loss curve, drawn as SVG: every step pale, the smoothed line over it; dashed, what photos held out say, and their best.

import { svg, fill } from '../dom.js';

const HEIGHT = 240;
const PAD = { left: 52, right: 14, top: 12, bottom: 28 };

/** The look with the least loss, the first of equal ones; undefined where there is none. */
export function bestLook(looks) {
  const known = looks.filter((l) => l.loss !== null);
  return known.find((l) => known.every((other) => l.loss <= other.loss));
}

/** `points`: [{step, loss, smooth}], `steps`: how many there will be, `looks`: [{step, loss}] at photos held out. */
export function drawLoss(el, points, steps, looks = []) {
  if (points.length === 0) {
    fill(el);
    return;
  }
  const width = Math.max(280, el.clientWidth); // a picture pixel is a screen pixel: the text keeps its size
  const seen = looks.filter((l) => l.loss !== null && l.step <= points.at(-1).step);
  const best = bestLook(seen);
  const values = [...points.flatMap((p) => [p.loss, p.smooth]), ...seen.map((l) => l.loss)];
  const low = Math.min(...values);
  const high = Math.max(...values);
  const span = high - low || high || 1;
  const range = { low: Math.max(0, low - span * 0.08), high: high + span * 0.08 };
  const last = Math.max(steps || 0, points.at(-1).step, 2);
  const x = (step) => PAD.left + ((step - 1) / (last - 1)) * (width - PAD.left - PAD.right);
  const y = (loss) => HEIGHT - PAD.bottom - ((loss - range.low) / (range.high - range.low)) * (HEIGHT - PAD.top - PAD.bottom);
  const line = (key) => points.map((p, i) => `${i ? 'L' : 'M'}${x(p.step).toFixed(1)} ${y(p[key]).toFixed(1)}`).join('');
  const held = seen.map((l, i) => `${i ? 'L' : 'M'}${x(l.step).toFixed(1)} ${y(l.loss).toFixed(1)}`).join('');
  const ticks = [0, 0.5, 1].map((t) => range.low + t * (range.high - range.low));
  fill(el, svg('svg', { viewBox: `0 0 ${width} ${HEIGHT}`, class: 'chart', role: 'img',
                        'aria-label': `Loss after ${points.at(-1).step} steps: ${points.at(-1).smooth.toFixed(4)}`
                                      + (best ? `; on photos held out it is least after step ${best.step}: ${best.loss.toFixed(4)}` : '') },
    ticks.map((t) => [svg('line', { class: 'chart-grid', x1: PAD.left, x2: width - PAD.right, y1: y(t), y2: y(t) }),
                      svg('text', { class: 'chart-text', x: PAD.left - 8, y: y(t) + 4, 'text-anchor': 'end' }, t.toFixed(3))]),
    svg('text', { class: 'chart-text', x: PAD.left, y: HEIGHT - 8 }, 'step 1'),
    svg('text', { class: 'chart-text', x: width - PAD.right, y: HEIGHT - 8, 'text-anchor': 'end' }, String(last)),
    svg('path', { class: 'chart-raw', d: line('loss') }),
    svg('path', { class: 'chart-smooth', d: line('smooth') }),
    held ? svg('path', { class: 'chart-held', d: held }) : null,
    seen.map((l) => svg('circle', { class: l === best ? 'chart-best' : 'chart-look', cx: x(l.step), cy: y(l.loss), r: l === best ? 6 : 3 },
                        svg('title', {}, `Photos held out, step ${l.step}: ${l.loss.toFixed(4)}`))),
    best ? svg('text', { class: 'chart-text', x: x(best.step), y: y(best.loss) - 12, 'text-anchor': 'middle' }, 'best') : null,
    svg('circle', { class: 'chart-now', cx: x(points.at(-1).step), cy: y(points.at(-1).smooth), r: 4 })));
}

/** Keeps a long curve drawable: at most `limit` points, each the mean of its neighbours. */
export function thin(points, limit = 600) {
  if (points.length <= limit) return points;
  const out = [];
  const size = points.length / limit;
  for (let i = 0; i < limit; i++) {
    const part = points.slice(Math.floor(i * size), Math.max(Math.floor(i * size) + 1, Math.floor((i + 1) * size)));
    const mean = (key) => part.reduce((sum, p) => sum + p[key], 0) / part.length;
    out.push({ step: part.at(-1).step, loss: mean('loss'), smooth: mean('smooth') });
  }
  return out;
}
