import { test, ok, equal } from './check.js';
import { rootPhoto, resultsOf, pairId, pairOf, settingsBeside } from '../js/history/person.js';
import { pairViewer, pairShot } from '../js/ui/pair.js';

const job = (id, photo, ...images) => ({ id, type: 'tryon', state: 'done', settings: { photo }, results: images.map((image, i) => ({ image, seed: i })) });

test('a result that became a photo shows the same person', () => {
  const jobs = [job('3', 'b', 'c'), job('2', 'a', 'b'), job('1', 'x', 'y')];
  equal(rootPhoto('c', jobs), 'a');
  equal(rootPhoto('y', jobs), 'x');
  equal(resultsOf('b', jobs).map((r) => r.key), ['3.0', '2.0']);
  equal(resultsOf('x', jobs).map((r) => r.key), ['1.0']);
});

test('photos that are made of each other end the search', () => {
  const jobs = [job('1', 'a', 'b'), job('2', 'b', 'a')];
  ok(['a', 'b'].includes(rootPhoto('a', jobs)));
});

test('only what is done is among the results', () => {
  equal(resultsOf('a', [{ ...job('1', 'a', 'b'), state: 'failed' }, { ...job('2', 'a', 'c'), type: 'mask' }]), []);
});

test('an address of two results is read back, and nothing else is', () => {
  equal(pairOf(pairId('12.0', '15.3')), { left: '12.0', right: '15.3' });
  for (const bad of ['12', 'compare-1-2', 'compare-1.0-2.x', 'compare-1.0', '']) equal(pairOf(bad), null);
});

test('settings that differ come first and are marked', () => {
  const rows = settingsBeside({ prompt: 'red', steps: 4, mask: 'm', photo: 'p', width: 0 }, { prompt: 'red', steps: 9, mask: 'n', photo: 'p', width: 0 },
                              ['prompt', 'steps', 'width', 'photo', 'mask']);
  equal(rows, [{ key: 'steps', left: '4', right: '9', differs: true }, { key: 'mask', left: 'one', right: 'another', differs: true },
               { key: 'prompt', left: 'red', right: 'red', differs: false }]);
});

test('two pictures are chosen, swapped, and stand side by side where their shapes differ', () => {
  const picture = (key, width) => ({ key, group: 'g', name: `<${key}>`, short: key, src: 'data:,', width, height: 100 });
  let now = null;
  const viewer = pairViewer({ pictures: [picture('a', 80), picture('b', 80), picture('c', 300)], left: 'a', right: 'b', onChange: (v) => { now = v; } });
  equal(now, { left: 'a', right: 'b' });
  equal([...viewer.element.querySelectorAll('.tag')].map((e) => e.textContent), ['a', 'b']);
  viewer.element.querySelector('[aria-label="Swap left and right"]').click();
  equal(now, { left: 'b', right: 'a' });
  const shot = pairShot(() => viewer, picture('c', 300), 'C');
  shot.element.querySelector('.open').click();
  equal(now, { left: 'b', right: 'c' });
  ok(viewer.element.querySelector('.pair-view'), 'side by side');
  ok(viewer.element.querySelector('.view-note').textContent.includes('different shapes'));
  shot.show('b', 'c');
  equal([...shot.element.querySelectorAll('[aria-pressed]')].map((e) => e.getAttribute('aria-pressed')), ['false', 'true']);
});
