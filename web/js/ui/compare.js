// Two pictures under one another, with a line between them that pointer or arrow keys move.

import { h, icon } from '../dom.js';

/**
 * `before` and `after` are {src, alt, name}: before lies to the left of the line. `at` is where the line is, in percent,
 * and onMove(percent) is told where it goes. Returns the element.
 */
export function compare(before, after, { at = 50, onMove } = {}) {
  const [left, right] = [before.name ?? 'Before', after.name ?? 'After'];
  const range = h('input', { type: 'range', class: 'compare-range', min: 0, max: 100, step: 1, value: at,
                             'aria-label': before.name ? `How much of "${left}" is shown` : 'How much of the photo before is shown' });
  const top = h('img', { src: before.src, alt: before.alt, class: 'compare-before', draggable: 'false' });
  const bottom = h('img', { src: after.src, alt: after.alt, class: 'compare-after', draggable: 'false' });
  const handle = h('div', { class: 'compare-handle', 'aria-hidden': 'true' }, h('span', {}, icon('compare')));
  const frame = h('div', { class: 'compare-frame' }, bottom, top, handle,
                  h('span', { class: 'tag before', text: left }), h('span', { class: 'tag after', text: right }), range);
  const set = (percent) => {
    range.value = percent;
    frame.style.setProperty('--split', `${percent}%`);
    range.setAttribute('aria-valuetext', `${Math.round(percent)} percent ${before.name ?? 'before'}`);
    onMove?.(percent);
  };
  range.addEventListener('input', () => set(Number(range.value)));
  drag(frame, range, set);
  set(at);
  return h('div', { class: 'compare' }, frame);
}

/* The whole picture is the handle: press anywhere and move. */
function drag(frame, range, set) {
  const follow = (e) => {
    const box = frame.getBoundingClientRect();
    set(Math.min(100, Math.max(0, (100 * (e.clientX - box.left)) / box.width)));
  };
  frame.addEventListener('pointerdown', (e) => {
    if (e.button !== 0) return;
    e.preventDefault();
    frame.setPointerCapture(e.pointerId);
    range.focus({ preventScroll: true });
    follow(e);
  });
  frame.addEventListener('pointermove', (e) => {
    if (frame.hasPointerCapture(e.pointerId)) follow(e);
  });
}
