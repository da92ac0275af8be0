// Mouse, pen and touch on the mask editor. One finger, the pen or the left button paints; two fingers zoom and move;
// the middle button, or the space bar held down, moves; the wheel zooms; a pen's other end erases.

import { penRadius } from './brush.js';

const ERASER_BUTTON = 32;

export class Pointers {
  constructor(editor) {
    this.editor = editor;
    this.down = new Map(); // pointer id -> {x, y}
    this.mode = null; // 'paint', 'pan' or 'pinch'
    this.spaceHeld = false;
    this.abort = new AbortController();
    const on = (type, handler, options = {}) =>
      editor.canvas.addEventListener(type, handler, { signal: this.abort.signal, ...options });
    on('pointerdown', (e) => this.start(e));
    on('pointermove', (e) => this.move(e));
    on('pointerup', (e) => this.end(e));
    on('pointercancel', (e) => this.end(e, true));
    on('pointerleave', (e) => { if (e.pointerType !== 'touch' && !this.mode) this.hover(null); });
    on('wheel', (e) => this.wheel(e), { passive: false });
    on('contextmenu', (e) => e.preventDefault());
  }

  destroy() { this.abort.abort(); }

  /* Where the event is, in CSS pixels of the canvas. */
  at(e) {
    const box = this.editor.canvas.getBoundingClientRect();
    return { x: e.clientX - box.left, y: e.clientY - box.top };
  }

  start(e) {
    const { editor } = this;
    if (!editor.mask) return;
    e.preventDefault();
    editor.canvas.focus({ preventScroll: true });
    editor.canvas.setPointerCapture(e.pointerId);
    this.down.set(e.pointerId, this.at(e));
    if (this.down.size === 2) {
      if (this.mode === 'paint') editor.cancelStroke();
      this.mode = 'pinch';
      this.hover(null);
    } else if (this.down.size === 1) {
      const moves = editor.tool === 'pan' || e.button === 1 || this.spaceHeld || !editor.enabled;
      this.mode = moves ? 'pan' : 'paint';
      if (!moves) this.startStroke(e);
    }
  }

  startStroke(e) {
    const { editor } = this;
    this.erase = editor.tool === 'eraser' || (e.buttons & ERASER_BUTTON) !== 0 || e.button === 2;
    this.last = this.at(e);
    editor.mask.begin();
    this.stroke(e);
  }

  stroke(e) {
    const { editor } = this;
    const to = this.at(e);
    const radius = penRadius(editor.radius, e.pointerType, e.pressure);
    editor.paint(editor.toMask(this.last.x, this.last.y), editor.toMask(to.x, to.y), radius, this.erase);
    this.last = to;
  }

  move(e) {
    const held = this.down.get(e.pointerId);
    const now = this.at(e);
    if (!held) {
      if (e.pointerType !== 'touch') this.hover(now);
      return;
    }
    if (this.mode === 'paint') {
      const parts = e.getCoalescedEvents?.() ?? [];
      for (const part of parts.length ? parts : [e]) this.stroke(part);
      this.hover(e.pointerType === 'touch' ? null : now);
    } else if (this.mode === 'pan') {
      this.editor.pan(now.x - held.x, now.y - held.y);
    } else if (this.mode === 'pinch') {
      this.pinch(e.pointerId, held, now);
    }
    this.down.set(e.pointerId, now);
  }

  pinch(id, before, now) {
    const other = [...this.down].find(([key]) => key !== id)?.[1];
    if (!other) return;
    const span = (p) => Math.max(1, Math.hypot(p.x - other.x, p.y - other.y));
    this.editor.pan((now.x - before.x) / 2, (now.y - before.y) / 2);
    this.editor.zoom(span(now) / span(before), (now.x + other.x) / 2, (now.y + other.y) / 2);
  }

  end(e, cancelled = false) {
    if (!this.down.delete(e.pointerId)) return;
    if (this.mode === 'paint') {
      if (cancelled) this.editor.cancelStroke();
      else this.editor.commit();
    }
    // after a pinch the remaining finger neither paints nor moves, until it is lifted too
    this.mode = this.down.size ? 'rest' : null;
  }

  wheel(e) {
    if (!this.editor.photo) return;
    e.preventDefault();
    const { x, y } = this.at(e);
    const lines = e.deltaMode === 1 ? 16 : 1;
    this.editor.zoom(Math.exp(-e.deltaY * lines * (e.ctrlKey ? 0.01 : 0.0015)), x, y);
  }

  hover(point) {
    this.editor.cursor = point;
    this.editor.redraw();
  }
}
