import { test, ok, equal } from './check.js';
import { duration, bytes, when, count, captionFromName } from '../js/format.js';
import { route } from '../js/router.js';
import { sentence } from '../js/ui/toast.js';
import { bestLook, drawLoss, thin } from '../js/teach/chart.js';
import { fileName } from '../js/dress/result.js';
import { h } from '../js/dom.js';
import { estimate } from '../js/dress/estimate.js';
import { Lesson } from '../js/teach/lesson.js';
import { Draft } from '../js/dress/draft.js';
import { jobs } from '../js/jobs.js';
import { modelForPhoto, garmentPhoto } from '../js/dress/garmentphoto.js';
import { Order } from '../js/dress/order.js';

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

test('the best look is the first of the least losses', () => {
  equal(bestLook([]), undefined);
  equal(bestLook([{ step: 2, loss: null }]), undefined);
  equal(bestLook([{ step: 2, loss: 3 }, { step: 4, loss: 1 }, { step: 6, loss: 1 }, { step: 8, loss: null }]).step, 4);
});

test('a look is drawn where it belongs, and the best is marked', () => {
  const el = h('div');
  const points = [1, 2, 3, 4].map((step) => ({ step, loss: 1, smooth: 1 }));
  drawLoss(el, points, 4, [{ step: 2, loss: 0.5 }, { step: 4, loss: 2 }]);
  equal(el.querySelectorAll('.chart-look').length, 1);
  equal(el.querySelectorAll('.chart-best').length, 1);
  equal(el.querySelector('svg').getAttribute('aria-label').includes('after step 2'), true);
  drawLoss(el, points, 4);
  equal(el.querySelectorAll('.chart-held, .chart-look, .chart-best').length, 0);
});

test('a download has a name that says what it is', () => {
  equal(fileName({ settings: { prompt: 'A red T-shirt!' }, results: [{ seed: 7 }] }, 0), 'a-red-t-shirt-7.png');
  equal(fileName({ settings: {}, results: [{}] }, 0), 'dressed-1.png');
});

test('nothing that is written into an element is read as markup', () => {
  const el = h('p', { text: '<img src=x>' }, '<b>');
  equal(el.children.length, 0);
});

test('an estimate scales with steps, pictures and guidance, and knows only the same model and size', () => {
  const settings = { model: 'm', width: 0, height: 0, steps: 10, strength: 1, count: 1, guidance: 7 };
  const job = { type: 'tryon', state: 'done', started: 100, ended: 110, settings };
  equal(estimate([job], settings), 10);
  equal(estimate([job], { ...settings, steps: 30, count: 2 }), 60);
  equal(estimate([job], { ...settings, guidance: 1 }), 5);
  equal(estimate([job], { ...settings, model: 'other' }), null);
  equal(estimate([{ ...job, state: 'failed' }], settings), null);
});

test('a lesson is ready when every photo has a mask and the garment a name', () => {
  localStorage.clear();
  const lesson = new Lesson();
  for (let i = 0; i < 3; i++) lesson.add({ id: `${i}`, name: `blue jacket (${i}).jpg`, width: 10, height: 10 });
  ok(!lesson.ready, 'without masks it is not');
  for (const photo of lesson.photos) lesson.change(photo, { mask: 'm', state: 'found' });
  ok(!lesson.ready, 'without a name it is not');
  lesson.set({ name: 'blue jacket' });
  ok(lesson.ready, 'now it is');
  equal(lesson.captionOf(lesson.photos[0]), 'blue jacket');
  equal(lesson.add({ id: '9', name: 'IMG_2041.jpg', width: 1, height: 1 }).caption, '', 'a camera\'s name is no caption');
  equal(new Lesson().photos.length, 4, 'photos after a reload');
  equal(new Lesson().photos[3].state, 'failed', 'a search that a reload broke off');
  localStorage.clear();
});

test('a draft outlives a reload, and a new photo keeps the wishes', () => {
  localStorage.clear();
  new Draft().set({ prompt: 'a red t-shirt', steps: 12, job: 'j' });
  const draft = new Draft();
  equal([draft.prompt, draft.steps, draft.job], ['a red t-shirt', 12, 'j']);
  draft.setPhoto({ id: 'p', width: 1024, height: 512 });
  equal([draft.prompt, draft.job], ['a red t-shirt', null]);
  equal(draft.featherPixels, 4);
  localStorage.clear();
});

test("a draft's pace is the model's until it is chosen, and again with another model", () => {
  localStorage.removeItem('drape.draft');
  const draft = new Draft();
  draft.follow({ id: 'a', steps: 4, guidance_scale: 3 });
  equal([draft.model, draft.steps, draft.guidance], [null, 4, 3]);
  draft.set({ steps: 9 });
  draft.follow({ id: 'a', steps: 4, guidance_scale: 3 });
  equal([draft.steps, draft.guidance], [9, 3]);
  draft.follow({ id: 'b', steps: 50, guidance_scale: 7.5 }, { anew: true });
  equal([draft.model, draft.steps, draft.guidance], ['b', 50, 7.5]);
});

test('an event that overtakes the answer to a request stays', async () => {
  let arrive;
  const answer = jobs.answer(new Promise((resolve) => { arrive = resolve; }));
  jobs.hear({ id: 'mask', state: 'done' });
  arrive({ id: 'mask', state: 'running' });
  equal((await answer).state, 'done');
  equal(jobs.get('mask').state, 'done');
  await jobs.answer(Promise.resolve({ id: 'mask', state: 'waiting' }));
  equal(jobs.get('mask').state, 'waiting', 'what was heard before the request is older');
  jobs.drop('mask');
});

const WORDS_ALONE = { id: 'a', steps: 50, guidance_scale: 7.5, prompts: true, garments: null };
const WEARS = { id: 'b', label: '<b>', steps: 9, guidance_scale: 1, prompts: false, garments: { width: 384, height: 512, steps: 30, guidance_scale: 2.5 } };

test('a photo of a garment is worn by the first model that can, at the pace that suits it then', () => {
  localStorage.removeItem('drape.draft');
  const draft = new Draft();
  equal(modelForPhoto(draft, [WORDS_ALONE]), undefined);
  equal(modelForPhoto(draft, [WORDS_ALONE, WEARS]).id, 'b');
  draft.set({ garmentPhoto: 'p', photo: { id: 'q' } });
  draft.follow(WEARS, { anew: true });
  equal([draft.model, draft.steps, draft.guidance], ['b', 30, 2.5]);
  const sent = new Order(draft, { models: [WORDS_ALONE, WEARS], loras: [] }).settings();
  equal([sent.garmentPhoto, sent.prompt, sent.model, sent.garment, sent.strength], ['p', '', 'b', null, 1]);
  localStorage.removeItem('drape.draft');
});

test('where no model wears photos, the panel says so and takes none', () => {
  localStorage.removeItem('drape.draft');
  const none = garmentPhoto({ draft: new Draft(), info: { models: [WORDS_ALONE] }, onChange() {} }).element;
  ok(none.textContent.includes('No model here dresses from a photo'));
  equal(none.querySelectorAll('button, input').length, 0);
  const one = garmentPhoto({ draft: new Draft(), info: { models: [WEARS] }, onChange() {} }).element;
  ok(one.querySelector('.garment-drop input[type=file]'));
});
