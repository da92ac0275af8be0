import { test, ok, equal } from './check.js';
import { maskBytes } from '../js/mask/kind.js';

const [W, H] = [60, 40];
const inside = (x, y) => x >= 15 && x < 45 && y >= 10 && y < 30;
const noise = (x, y) => (x * 37 + y * 101 + x * y * 7) % 23;
const photo = (x, y) => [40 + 3 * x + noise(x, y), 60 + 4 * y + noise(x, y), 200 - 2 * x - y + noise(x, y), 255];

/* RGBA of a picture whose pixels a function gives. */
function draw(pixel) {
  const rgba = new Uint8ClampedArray(4 * W * H);
  for (let i = 0; i < W * H; i++) rgba.set(pixel(i % W, Math.floor(i / W)), 4 * i);
  return rgba;
}

function isBox(pixel, what) {
  const bytes = maskBytes(draw(pixel), W, H);
  let wrong = 0;
  for (let i = 0; i < W * H; i++) wrong += bytes[i] >= 128 !== inside(i % W, Math.floor(i / W));
  equal(wrong, 0, `wrong pixels of ${what}`);
}

function refused(pixel, says) {
  let message = '';
  try {
    maskBytes(draw(pixel), W, H);
  } catch (error) {
    message = error.message;
  }
  ok(message.includes(says), `'${message}' saying '${says}'`);
}

const alpha = (k, a) => [k[0], k[1], k[2], a];

test('of an erased photo the transparent is replaced, whatever colour is under it', () => {
  isBox((x, y) => alpha(photo(x, y), inside(x, y) ? 0 : 255), 'an erased photo');
  isBox((x, y) => (inside(x, y) ? [0, 0, 0, 0] : photo(x, y)), 'one with black under it');
  isBox((x, y) => alpha(photo(x, y), inside(x, y) ? 90 : 255), 'one erased by half');
});

test('a photo is no mask', () => {
  refused(photo, 'is a photo, not a mask');
  refused((x, y) => (inside(x, y) ? [128, 128, 128, 255] : photo(x, y)), 'is a photo');
  refused((x, y) => (inside(x, y) ? photo(x, y) : [255, 255, 255, 255]), 'is a photo, not a mask: 25 %');
  refused((x, y) => { const v = photo(x, y)[0]; return [v, v, v, 255]; }, 'is a photo');
});

test('two colours are a mask if one is black, white or nothing', () => {
  for (const k of [[255, 0, 0], [0, 0, 255], [128, 0, 0], [255, 255, 0], [100, 100, 100]]) {
    isBox((x, y) => (inside(x, y) ? alpha(k, 255) : [0, 0, 0, 255]), `${k} on black`);
    isBox((x, y) => (inside(x, y) ? [255, 255, 255, 255] : alpha(k, 255)), `white on ${k}`);
    isBox((x, y) => alpha(k, inside(x, y) ? 100 : 0), `${k} on nothing`);
  }
  isBox((x, y) => (inside(x, y) ? [1, 1, 1, 255] : [0, 0, 0, 255]), 'a label map');
});

test('what cannot be told is named by its colours', () => {
  refused((x, y) => (inside(x, y) ? [255, 0, 0, 255] : [0, 0, 255, 255]), 'is blue and red');
  refused((x, y) => [200 * (inside(x, y) && x < 30), 160 * (inside(x, y) && x >= 30), 0, 255], 'several colours (red 13 %, green 13 %)');
  refused(() => [255, 0, 0, 255], 'one colour throughout, red');
});

test('black and white, all of one of them too, are taken as they are', () => {
  isBox((x, y) => { const v = 255 * inside(x, y); return [v, v, v, 255]; }, 'black and white');
  equal(maskBytes(draw(() => [0, 0, 0, 255]), W, H).some((v) => v), false, 'white in a black mask');
  equal(maskBytes(draw(() => [255, 255, 255, 255]), W, H).every((v) => v === 255), true, 'all of a white mask is white');
  equal(maskBytes(draw(() => [0, 0, 0, 0]), W, H).some((v) => v), false, 'white in a mask of nothing');
});
