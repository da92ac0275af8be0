import { test, ok, equal } from './check.js';
import { duration, bytes, when, count, captionFromName } from '../js/format.js';
import { route } from '../js/router.js';
import { sentence } from '../js/ui/toast.js';
import { thin } from '../js/teach/chart.js';
import { fileName } from '../js/dress/result.js';
import { h } from '../js/dom.js';

test('times are said as people say them', () => {
  equal(duration(0), '0 s');
  equal(duration(59.6), '1 min');
  equal(duration(95), '1 min 35 s');
  equal(duration(1500), '25 min');
  equal(duration(3600), '1 h');
  equal(duration(3900), '1 h 5 min');
  equal(duration(7195), '2 h');
  equal(duration(-3), '0 s');
});

test('sizes are said in units that fit', () => {
  equal(bytes(999), '999 B');
  equal(bytes(1500), '1.5 kB');
  equal(bytes(999600), '1.0 MB');
  equal(bytes(17.2e9), '17 GB');
});

test('moments are said relative to now', () => {
  const now = new Date(2026, 4, 20, 15, 0, 0).getTime() / 1000;
  equal(when(now - 5, now), 'just now');
  equal(when(now - 300, now), '5 min ago');
  ok(when(now - 7200, now).startsWith('today '), when(now - 7200, now));
  ok(/20|19|18/.test(when(now - 2 * 86400, now)), when(now - 2 * 86400, now));
  equal(count(1, 'photo'), '1 photo');
  equal(count(0, 'photo'), '0 photos');
});

test('captions come from file names as drape train reads them', () => {
  equal(captionFromName('blue linen jacket (1).jpg'), 'blue linen jacket');
  equal(captionFromName('blue_linen_jacket_12.jpeg'), 'blue linen jacket');
  equal(captionFromName('t-shirt-3.png'), 't-shirt');
  equal(captionFromName('red t-shirt.png'), 'red t-shirt');
});

test('an address says which page and which job', () => {
  equal(route('#/history/12'), { page: 'history', id: '12' });
  equal(route('#/dress'), { page: 'dress', id: '' });
  equal(route(''), { page: '', id: '' });
  equal(route('#/teach/a%2Fb'), { page: 'teach', id: 'a/b' });
});

test('a message becomes a sentence', () => {
  equal(sentence("cannot load 'x'"), "Cannot load 'x'.");
  equal(sentence('What now?'), 'What now?');
});

test('a long curve is thinned and keeps its end', () => {
  const points = Array.from({ length: 5000 }, (_, i) => ({ step: i + 1, loss: i, smooth: i }));
  const out = thin(points, 600);
  equal(out.length, 600);
  equal(out.at(-1).step, 5000);
  equal(thin(points.slice(0, 10)).length, 10);
});

test('a download has a name that says what it is', () => {
  equal(fileName({ settings: { prompt: 'A red T-shirt!' }, results: [{ seed: 7 }] }, 0), 'a-red-t-shirt-7.png');
  equal(fileName({ settings: {}, results: [{}] }, 0), 'dressed-1.png');
});

test('nothing that is written into an element is read as markup', () => {
  const el = h('p', { text: '<img src=x>' }, '<b>');
  equal(el.children.length, 0);
});
