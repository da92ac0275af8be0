// The mask that is painted: one byte per pixel, 0 kept, 255 replaced, with undo and redo. No drawing here.
//
// A stroke is what lies between begin() and commit(). Its undo entry keeps the bytes of the rectangle that it touched,
// before and after, so a small dab on a large mask costs little.

const HISTORY_BYTES = 64 * 1024 * 1024;

export class Mask {
  constructor(width, height) {
    this.width = width;
    this.height = height;
    this.data = new Uint8Array(width * height);
    this.past = [];
    this.future = [];
    this.open = null; // the stroke under way: { before, rect }
    this.version = 0; // counts changes
  }

  /** Starts a stroke. What is painted until commit() is undone as one. */
  begin() {
    this.open = { before: this.data.slice(), rect: null };
  }

  /** Says that `rect` {x, y, width, height} has changed. */
  touch(rect) {
    if (!rect) return;
    this.version += 1;
    if (this.open) this.open.rect = union(this.open.rect, rect);
  }

  /** Ends the stroke. Returns whether it changed anything. */
  commit() {
    const { before, rect } = this.open ?? {};
    this.open = null;
    if (!rect) return false;
    const entry = { rect, before: cut(before, this.width, rect), after: cut(this.data, this.width, rect) };
    if (same(entry.before, entry.after)) return false;
    this.past.push(entry);
    this.future = [];
    this.forget();
    return true;
  }

  /** Takes back a stroke that was not meant, such as the first finger of a pinch. */
  cancel() {
    if (!this.open) return;
    this.data.set(this.open.before);
    this.open = null;
    this.version += 1;
  }

  get canUndo() { return this.past.length > 0; }
  get canRedo() { return this.future.length > 0; }

  /** Both return the changed rectangle, or null. */
  undo() { return this.step(this.past, this.future, 'before'); }
  redo() { return this.step(this.future, this.past, 'after'); }

  step(from, to, side) {
    const entry = from.pop();
    if (!entry) return null;
    paste(this.data, this.width, entry.rect, entry[side]);
    to.push(entry);
    this.version += 1;
    return entry.rect;
  }

  /** Replaces everything by `bytes` (from 128 on is white), as one stroke. */
  replace(bytes) {
    this.begin();
    for (let i = 0; i < this.data.length; i++) this.data[i] = bytes[i] >= 128 ? 255 : 0;
    this.touch(this.all);
    return this.commit();
  }

  clear() { return this.replace(new Uint8Array(this.data.length)); }
  invert() { return this.replace(this.data.map((v) => 255 - v)); }

  get all() { return { x: 0, y: 0, width: this.width, height: this.height }; }

  /** The white part, 0 to 1. */
  get coverage() {
    let white = 0;
    for (const v of this.data) white += v >> 7;
    return white / this.data.length;
  }

  /** Drops the oldest strokes beyond the memory that undo may take. */
  forget() {
    let bytes = this.past.reduce((sum, e) => sum + 2 * e.before.length, 0);
    while (bytes > HISTORY_BYTES && this.past.length > 1) bytes -= 2 * this.past.shift().before.length;
  }
}

export function union(a, b) {
  if (!a) return b;
  if (!b) return a;
  const x = Math.min(a.x, b.x);
  const y = Math.min(a.y, b.y);
  return { x, y, width: Math.max(a.x + a.width, b.x + b.width) - x, height: Math.max(a.y + a.height, b.y + b.height) - y };
}

function cut(data, width, r) {
  const out = new Uint8Array(r.width * r.height);
  for (let y = 0; y < r.height; y++) {
    const at = (r.y + y) * width + r.x;
    out.set(data.subarray(at, at + r.width), y * r.width);
  }
  return out;
}

function paste(data, width, r, bytes) {
  for (let y = 0; y < r.height; y++) {
    data.set(bytes.subarray(y * r.width, (y + 1) * r.width), (r.y + y) * width + r.x);
  }
}

function same(a, b) {
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** A mask's size for a photo: the photo's shape, its longer side at most `limit` pixels. */
export function maskSize(width, height, limit = 2048) {
  const scale = Math.min(1, limit / Math.max(width, height));
  return { width: Math.max(1, Math.round(width * scale)), height: Math.max(1, Math.round(height * scale)) };
}
