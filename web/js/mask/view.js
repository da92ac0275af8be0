// What part of the photo the canvas shows: a scale and an offset. Screen coordinates are CSS pixels of the canvas,
// image coordinates are pixels of whatever is shown.

export class View {
  constructor() {
    this.scale = 1;
    this.x = 0;
    this.y = 0;
    this.fitted = true; // follows the canvas's size until someone zooms
    this.setSizes(1, 1, 1, 1);
  }

  /** `inset` keeps that much room free around a fitted image: {top, right, bottom, left}. */
  setSizes(width, height, imageWidth, imageHeight, inset = {}) {
    Object.assign(this, { width, height, imageWidth, imageHeight, inset });
    if (this.fitted) this.fit();
    else this.clamp();
  }

  get fitScale() {
    const { top = 0, right = 0, bottom = 0, left = 0 } = this.inset;
    const room = { w: Math.max(16, this.width - left - right), h: Math.max(16, this.height - top - bottom) };
    return Math.min(room.w / this.imageWidth, room.h / this.imageHeight);
  }

  fit() {
    const { top = 0, right = 0, bottom = 0, left = 0 } = this.inset;
    this.scale = this.fitScale;
    this.x = left + (this.width - left - right - this.imageWidth * this.scale) / 2;
    this.y = top + (this.height - top - bottom - this.imageHeight * this.scale) / 2;
    this.fitted = true;
  }

  /** Zooms by `factor` such that what is under (sx, sy) stays there. */
  zoomAt(sx, sy, factor) {
    const min = Math.min(this.fitScale, 1) * 0.5;
    const max = Math.max(this.fitScale * 16, 8);
    const scale = Math.min(max, Math.max(min, this.scale * factor));
    const { x, y } = this.toImage(sx, sy);
    this.scale = scale;
    this.x = sx - x * scale;
    this.y = sy - y * scale;
    this.fitted = false;
    this.clamp();
  }

  pan(dx, dy) {
    this.x += dx;
    this.y += dy;
    this.fitted = false;
    this.clamp();
  }

  /** At least a hand's breadth of the image stays in sight. */
  clamp() {
    const keep = 64;
    this.x = Math.min(this.width - keep, Math.max(keep - this.imageWidth * this.scale, this.x));
    this.y = Math.min(this.height - keep, Math.max(keep - this.imageHeight * this.scale, this.y));
  }

  toImage(sx, sy) {
    return { x: (sx - this.x) / this.scale, y: (sy - this.y) / this.scale };
  }

  toScreen(x, y) {
    return { x: x * this.scale + this.x, y: y * this.scale + this.y };
  }

  get percent() {
    return Math.round((this.scale / this.fitScale) * 100);
  }
}
