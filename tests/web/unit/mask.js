import { test, ok, equal, close, random } from './check.js';
import { Mask, maskSize, union } from '../js/mask/model.js';
import { paintLine, penRadius } from '../js/mask/brush.js';
import { View } from '../js/mask/view.js';
import { distanceField, contour } from '../js/mask/outline.js';

function stroke(mask, x0, y0, x1, y1, radius, value = 255) {
  mask.begin();
  paintLine(mask, x0, y0, x1, y1, radius, value);
  return mask.commit();
}

const white = (mask) => mask.data.reduce((n, v) => n + (v ? 1 : 0), 0);

test('a dot is a disc of the radius that was asked for', () => {
  const mask = new Mask(101, 101);
  stroke(mask, 50.5, 50.5, 50.5, 50.5, 20);
  for (let y = 0; y < 101; y++) {
    for (let x = 0; x < 101; x++) {
      const inside = Math.hypot(x - 50, y - 50) <= 20;
      equal(mask.data[y * 101 + x] > 0, inside, `pixel ${x},${y}`);
    }
  }
});

test('a line has no gaps however fast it is drawn, in any direction', () => {
  const next = random(1);
  for (let i = 0; i < 40; i++) {
    const mask = new Mask(80, 60);
    const [x0, y0, x1, y1, r] = [next() * 100 - 10, next() * 80 - 10, next() * 100 - 10, next() * 80 - 10, 1 + next() * 9];
    stroke(mask, x0, y0, x1, y1, r);
    for (let y = 0; y < 60; y++) {
      for (let x = 0; x < 80; x++) {
        const d = toSegment(x + 0.5, y + 0.5, x0, y0, x1, y1);
        if (Math.abs(d - r) > 1e-6) equal(mask.data[y * 80 + x] > 0, d < r, `line ${i}, pixel ${x},${y} at ${d} of ${r}`);
      }
    }
  }
});

function toSegment(px, py, x0, y0, x1, y1) {
  const l = (x1 - x0) ** 2 + (y1 - y0) ** 2;
  const t = l ? Math.min(1, Math.max(0, ((px - x0) * (x1 - x0) + (py - y0) * (y1 - y0)) / l)) : 0;
  return Math.hypot(px - x0 - t * (x1 - x0), py - y0 - t * (y1 - y0));
}

test('the rectangle that a stroke reports holds all that it changed', () => {
  const mask = new Mask(64, 64);
  mask.begin();
  const rect = paintLine(mask, 60, 10, 70, 30, 5, 255);
  for (let i = 0; i < mask.data.length; i++) {
    const [x, y] = [i % 64, Math.floor(i / 64)];
    if (mask.data[i]) ok(x >= rect.x && x < rect.x + rect.width && y >= rect.y && y < rect.y + rect.height, `${x},${y} in the rectangle`);
  }
  equal(paintLine(mask, 200, 200, 210, 210, 5, 255), null, 'a stroke outside');
});

test('undo and redo give back every stroke, byte for byte', () => {
  const next = random(7);
  const mask = new Mask(70, 50);
  const states = [mask.data.slice()];
  for (let i = 0; i < 30; i++) {
    if (stroke(mask, next() * 70, next() * 50, next() * 70, next() * 50, next() * 12, next() < 0.4 ? 0 : 255)) states.push(mask.data.slice());
  }
  for (let i = states.length - 2; i >= 0; i--) {
    mask.undo();
    equal([...mask.data], [...states[i]], `state ${i}`);
  }
  ok(!mask.canUndo, 'nothing left to undo');
  for (let i = 1; i < states.length; i++) {
    mask.redo();
    equal([...mask.data], [...states[i]], `state ${i} again`);
  }
  ok(!mask.canRedo, 'nothing left to redo');
  equal(mask.redo(), null, 'redo at the end');
});

test('a new stroke after undo forgets what could have been redone', () => {
  const mask = new Mask(20, 20);
  stroke(mask, 5, 5, 5, 5, 3);
  stroke(mask, 15, 15, 15, 15, 3);
  mask.undo();
  stroke(mask, 10, 10, 10, 10, 2);
  ok(!mask.canRedo, 'redo is gone');
});

test('a stroke that changes nothing is no step of undo', () => {
  const mask = new Mask(20, 20);
  equal(stroke(mask, 5, 5, 5, 5, 3, 0), false, 'erasing nothing');
  ok(!mask.canUndo, 'no step');
});

test('a cancelled stroke leaves no trace', () => {
  const mask = new Mask(20, 20);
  stroke(mask, 5, 5, 5, 5, 3);
  const before = [...mask.data];
  mask.begin();
  paintLine(mask, 10, 10, 18, 10, 4, 255);
  mask.cancel();
  equal([...mask.data], before, 'mask');
  mask.undo();
  equal(white(mask), 0, 'white after undo');
});

test('invert, clear and a loaded mask are one step each', () => {
  const mask = new Mask(10, 10);
  mask.replace(Uint8Array.from({ length: 100 }, (_, i) => (i < 30 ? 200 : 127)));
  equal(white(mask), 30, 'white, from 128 of 255 on');
  mask.invert();
  equal(white(mask), 70, 'white when inverted');
  mask.clear();
  equal(white(mask), 0, 'white when cleared');
  mask.undo();
  equal(white(mask), 70, 'white after one undo');
  mask.undo();
  close(mask.coverage, 0.3, 1e-9, 'coverage after two');
});

test('undo keeps to its memory', () => {
  const mask = new Mask(2048, 2048);
  for (let i = 0; i < 20; i++) mask.invert();
  ok(mask.past.length >= 1 && mask.past.length <= 8, `${mask.past.length} steps of 8 MB`);
});

test('a mask has the shape of its photo and no more than its limit', () => {
  equal(maskSize(4000, 3000), { width: 2048, height: 1536 });
  equal(maskSize(512, 600), { width: 512, height: 600 });
  equal(maskSize(10000, 3), { width: 2048, height: 1 });
  equal(union({ x: 1, y: 2, width: 3, height: 4 }, { x: 0, y: 5, width: 1, height: 9 }), { x: 0, y: 2, width: 4, height: 12 });
});

test('a lightly pressed pen paints thinner, a finger or a mouse does not', () => {
  ok(penRadius(10, 'pen', 0.2) < penRadius(10, 'pen', 0.9), 'light is thinner');
  close(penRadius(10, 'pen', 1), 10, 1e-9);
  equal(penRadius(10, 'mouse', 0.5), 10);
  equal(penRadius(10, 'pen', 0), 10, 'a pen that knows no pressure');
});

test('zooming keeps what is under the pointer there', () => {
  const view = new View();
  view.setSizes(800, 600, 2000, 3000);
  const before = view.toImage(500, 200);
  view.zoomAt(500, 200, 3);
  const after = view.toImage(500, 200);
  close(after.x, before.x, 1e-6);
  close(after.y, before.y, 1e-6);
  const s = view.toScreen(after.x, after.y);
  close(s.x, 500, 1e-6);
});

test('a fitted photo lies in the middle of what is free, and follows the window', () => {
  const view = new View();
  view.setSizes(800, 600, 100, 100, { top: 50, bottom: 150 });
  close(view.scale, 4, 1e-9);
  close(view.y, 50, 1e-9);
  close(view.x, 200, 1e-9);
  view.setSizes(400, 600, 100, 100, { top: 50, bottom: 150 });
  close(view.scale, 4, 1e-9);
  view.zoomAt(0, 0, 2);
  view.setSizes(1000, 900, 100, 100, {});
  close(view.scale, 8, 1e-9, 'a zoomed photo keeps its scale');
});

test('a photo cannot be moved out of sight or zoomed to nothing', () => {
  const view = new View();
  view.setSizes(800, 600, 2000, 3000);
  view.pan(1e6, -1e6);
  const corner = view.toScreen(0, 3000);
  ok(corner.x < 800 && corner.y > 0, 'a corner is in sight');
  for (let i = 0; i < 100; i++) view.zoomAt(400, 300, 0.5);
  ok(view.scale > 0.05, `scale ${view.scale}`);
  for (let i = 0; i < 100; i++) view.zoomAt(400, 300, 2);
  ok(view.scale <= 16, `scale ${view.scale}`);
});

test('the distance field is that of brute force, smoothed over a pixel', () => {
  const mask = new Mask(40, 30);
  stroke(mask, 12, 10, 25, 18, 5);
  const { field, width, height, scale } = distanceField(mask);
  equal([width, height, scale], [40, 30, 1]);
  for (let i = 0; i < field.length; i += 7) {
    const [x, y] = [i % 40, Math.floor(i / 40)];
    const inside = mask.data[i] > 0;
    let best = Infinity;
    for (let j = 0; j < field.length; j++) {
      if (mask.data[j] > 0 !== inside) best = Math.min(best, Math.hypot((j % 40) - x, Math.floor(j / 40) - y));
    }
    close(field[i], inside ? -(best - 0.5) : best - 0.5, 1.01, `distance at ${x},${y}`);
  }
});

test('the outline of a grown disc is a larger disc', () => {
  const mask = new Mask(200, 200);
  stroke(mask, 100, 100, 100, 100, 30);
  const field = distanceField(mask);
  for (const grow of [-10, 0, 15, 40]) {
    const lines = contour(field, grow, 200, 200);
    ok(lines.length > 40, `${lines.length} numbers for ${grow}`);
    for (let i = 0; i < lines.length; i += 2) close(Math.hypot(lines[i] - 100, lines[i + 1] - 100), 30 + grow, 1.2, `radius for ${grow}`);
  }
  equal(contour(field, -40, 200, 200), [], 'a mask that is shrunk away');
});

test('the outline of a large mask is in the photo\'s pixels', () => {
  const mask = new Mask(1600, 1200);
  stroke(mask, 800, 600, 800, 600, 200);
  const field = distanceField(mask);
  const lines = contour(field, 100, 1600, 1200);
  for (let i = 0; i < lines.length; i += 2) close(Math.hypot(lines[i] - 800, lines[i + 1] - 600), 300, 8, 'radius');
});

test('an empty mask has no outline', () => {
  const field = distanceField(new Mask(50, 50));
  ok(field.empty, 'it is said to be empty');
  equal(contour(field, 0, 50, 50), []);
});
