// The mask editor: a canvas with photo, tint, outlines and brush. It draws and takes pointers and keys; the mask itself
// is model.js, the toolbar is toolbar.js. Fires 'mask' after each stroke and 'state' when tool, size or zoom change.

import { h, uid } from '../dom.js';
import { Mask, maskSize } from './model.js';
import { maskBytes } from './kind.js';
import { paintLine } from './brush.js';
import { View } from './view.js';
import { Pointers } from './pointers.js';
import { keyboard } from './keys.js';
import { draw } from './draw.js';
import { distanceField, contour } from './outline.js';

/* Opaque red, green, blue as they lie in image data, in this machine's order of bytes. */
function word(r, g, b) {
  return new Uint32Array(Uint8Array.of(r, g, b, 255).buffer)[0];
}
const WHITE = word(255, 255, 255);
const BLACK = word(0, 0, 0);

const HELP = 'Arrow keys move the brush, Enter sets it down and lifts it. B brush, E eraser, brackets change the size, ' +
  'Control Z undoes, plus, minus and zero zoom.';

export class Editor extends EventTarget {
  constructor({ label = 'Mask painting area', inset = {} } = {}) {
    super();
    this.inset = inset;
    const help = h('p', { class: 'hidden', id: uid('help'), text: HELP });
    this.canvas = h('canvas', { class: 'editor-canvas', tabindex: 0, role: 'application', 'aria-label': label,
                                'aria-roledescription': 'mask editor', 'aria-describedby': help.id });
    this.element = h('div', { class: 'editor' }, this.canvas, help);
    this.view = new View();
    this.mask = null;
    this.photo = null;
    this.tool = 'brush';
    this.size = 0.06; // the brush's diameter, in parts of the photo's longer side
    this.shown = true;
    this.enabled = true;
    this.edges = { grow: 0, feather: 0 }; // photo pixels
    this.cursor = null; // where the brush hovers: {x, y} in screen pixels, or null
    this.pointers = new Pointers(this);
    keyboard(this);
    this.observer = new ResizeObserver(() => this.resize());
    this.observer.observe(this.canvas);
  }

  /** Shows a photo (anything that drawImage takes) that is width x height pixels in truth, with an empty mask. */
  setPhoto(source, width, height) {
    this.photo = { source, width, height };
    const size = maskSize(width, height);
    this.mask = new Mask(size.width, size.height);
    this.tint = document.createElement('canvas');
    this.tint.width = size.width;
    this.tint.height = size.height;
    this.view.fitted = true;
    this.resize();
    this.changed(this.mask.all);
  }

  /** Takes a mask from a picture, as one stroke that can be undone. Throws where the picture is no mask (kind.js). */
  setMaskFrom(source) {
    const { width, height } = this.mask;
    const canvas = document.createElement('canvas');
    canvas.width = width;
    canvas.height = height;
    const g = canvas.getContext('2d', { willReadFrequently: true });
    g.drawImage(source, 0, 0, width, height);
    this.mask.replace(maskBytes(g.getImageData(0, 0, width, height).data, width, height));
    this.changed(this.mask.all);
  }

  /** The mask as a picture: opaque, white is replaced. */
  toCanvas() {
    const { width, height, data } = this.mask;
    const image = new ImageData(width, height);
    const words = new Uint32Array(image.data.buffer);
    for (let i = 0; i < data.length; i++) words[i] = data[i] ? WHITE : BLACK;
    const canvas = document.createElement('canvas');
    canvas.width = width;
    canvas.height = height;
    canvas.getContext('2d').putImageData(image, 0, 0);
    return canvas;
  }

  /** The mask as a PNG. */
  toBlob() {
    return new Promise((resolve) => { this.toCanvas().toBlob(resolve, 'image/png'); });
  }

  /* --- what the toolbar, pointers and keys call ------------------------------------------------- */

  setTool(tool) {
    this.tool = tool;
    this.state();
  }

  setSize(size) {
    this.size = Math.min(0.4, Math.max(0.004, size));
    this.state();
  }

  setShown(shown) {
    this.shown = shown;
    this.state();
  }

  setEdges(edges) {
    Object.assign(this.edges, edges);
    this.outline();
    this.redraw();
  }

  undo() { this.changed(this.mask?.undo()); }
  redo() { this.changed(this.mask?.redo()); }
  clear() { if (this.mask?.clear()) this.changed(this.mask.all); }
  invert() { if (this.mask?.invert()) this.changed(this.mask.all); }

  zoom(factor, sx = this.view.width / 2, sy = this.view.height / 2) {
    this.view.zoomAt(sx, sy, factor);
    this.state();
  }

  fit() {
    this.view.fit();
    this.state();
  }

  pan(dx, dy) {
    this.view.pan(dx, dy);
    this.state();
  }

  /** The brush's radius in mask pixels. */
  get radius() {
    return (this.size * Math.max(this.mask.width, this.mask.height)) / 2;
  }

  /** From screen to mask pixels. */
  toMask(sx, sy) {
    const p = this.view.toImage(sx, sy);
    return { x: (p.x * this.mask.width) / this.photo.width, y: (p.y * this.mask.height) / this.photo.height };
  }

  paint(from, to, radius, erase) {
    this.tintRect(paintLine(this.mask, from.x, from.y, to.x, to.y, radius, erase ? 0 : 255));
    this.redraw();
  }

  /** Ends a stroke. */
  commit() {
    if (this.mask.commit()) this.changed(null);
  }

  cancelStroke() {
    this.mask.cancel();
    this.tintRect(this.mask.all);
    this.redraw();
  }

  /* --- drawing ---------------------------------------------------------------------------------- */

  /* The mask changed in `rect` (null: already tinted). */
  changed(rect) {
    if (!this.mask) return;
    this.tintRect(rect);
    this.field = null;
    this.outline();
    this.state();
    this.dispatchEvent(new Event('mask'));
  }

  tintRect(rect) {
    if (!rect || !rect.width || !rect.height) return;
    const image = new ImageData(rect.width, rect.height);
    const words = new Uint32Array(image.data.buffer);
    const colour = this.colour();
    for (let y = 0; y < rect.height; y++) {
      let at = (rect.y + y) * this.mask.width + rect.x;
      for (let x = 0; x < rect.width; x++, at++) {
        if (this.mask.data[at]) words[y * rect.width + x] = colour;
      }
    }
    this.tint.getContext('2d').putImageData(image, rect.x, rect.y);
  }

  /* The tint's colour as one word of image data. */
  colour() {
    const text = getComputedStyle(this.canvas).getPropertyValue('--mask-rgb') || '20 184 166';
    return word(...text.trim().split(/\s+/).map(Number));
  }

  outline() {
    if (!this.mask) return;
    this.field ??= distanceField(this.mask);
    const k = this.mask.width / this.photo.width;
    const { grow, feather } = this.edges;
    const lines = (level) => (this.field.empty ? [] : contour(this.field, level * k, this.photo.width, this.photo.height));
    this.lines = { edge: lines(grow), feather: feather > 0 ? lines(grow + feather) : [] };
  }

  state() {
    this.redraw();
    this.dispatchEvent(new Event('state'));
  }

  resize() {
    const { clientWidth, clientHeight } = this.canvas;
    const ratio = window.devicePixelRatio || 1;
    this.canvas.width = Math.max(1, Math.round(clientWidth * ratio));
    this.canvas.height = Math.max(1, Math.round(clientHeight * ratio));
    if (this.photo) {
      this.view.setSizes(clientWidth, clientHeight, this.photo.width, this.photo.height, this.inset);
      this.state();
    }
  }

  redraw() {
    if (this.frame) return;
    this.frame = requestAnimationFrame(() => {
      this.frame = 0;
      draw(this);
    });
  }

  destroy() {
    this.observer.disconnect();
    this.pointers.destroy();
    cancelAnimationFrame(this.frame);
  }
}
