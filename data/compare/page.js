// The page of drape compare: two pictures large, all of them small, and what is known about them.

iconsFrom('');
applyTheme();
const data = JSON.parse(document.getElementById('data').textContent);
const GIB = 1024 ** 3;
const methods = data.methods.map((m, i) => ({ ...m, letter: i < 26 ? String.fromCharCode(65 + i) : String(i + 1) }));

/* --- what can be shown -------------------------------------------------------------------------------- */

/* Every picture by a key of its own: {key, group, name, short, src, width, height}. */
const shown = [];
const put = (key, group, name, short, picture) => shown.push({ key, group, name, short, ...picture });
put('person', 'What went in', 'The person', 'Person', data.person);
put('masked', 'What went in', 'The person, with what is replaced', 'Mask', data.masked);
data.garment_pictures.forEach((g, i) => put(`garment-${i}`, 'What went in', data.garment_pictures.length > 1 ? `The garment, photo ${i + 1}` : 'The garment', 'Garment', g.picture));
if (data.truth) put('truth', 'What went in', 'The reference', 'Reference', data.truth);
for (const m of methods) {
  for (const r of m.results) {
    const more = data.seeds.length > 1;
    put(`${m.letter}-${r.seed}`, m.name, more ? `${m.letter}: ${m.name}, seed ${r.seed}` : `${m.letter}: ${m.name}`, more ? `${m.letter}, seed ${r.seed}` : m.letter, r.picture);
  }
}
const byKey = new Map(shown.map((p) => [p.key, p]));

/* --- two of them, large, and all of them ------------------------------------------------------------------ */

const shots = []; // the small pictures, which show what is large
const firstResult = shown.find((p) => p.group !== 'What went in');
const viewer = pairViewer({ pictures: shown, left: 'person', right: (firstResult ?? shown[1]).key,
                            onChange: ({ left, right }) => shots.forEach((s) => s.show(left, right)) });

function shot(key, caption) {
  const s = pairShot(() => viewer, byKey.get(key), caption, { onOpen: () =>
    viewer.element.scrollIntoView({ block: 'start', behavior: matchMedia('(prefers-reduced-motion: reduce)').matches ? 'auto' : 'smooth' }) });
  shots.push(s);
  return s.element;
}

const seconds = (s) => (s < 100 ? `${s.toFixed(1)} s` : duration(s));
const mean = (list) => list.reduce((sum, v) => sum + v, 0) / list.length;
const gib = (n) => `${(n / GIB).toFixed(2)} GiB`;

function facts(m) {
  if (!m.results.length) return m.title;
  return [m.title !== m.name ? m.title : null, `${seconds(mean(m.results.map((r) => r.seconds)))} a picture`, m.peak_bytes ? gib(m.peak_bytes) : null].filter(Boolean).join(', ');
}

const sentence = (text) => text[0].toUpperCase() + text.slice(1) + (/[.!?]$/.test(text) ? '' : '.');

function methodCard(m) {
  return h('article', { class: 'method' },
    h('header', {}, h('span', { class: `letter${m.error ? ' failed' : ''}`, 'aria-hidden': 'true', text: m.letter }), h('h3', { text: m.name }), h('p', { text: facts(m) })),
    h('div', { class: 'shots' }, m.results.map((r) => shot(`${m.letter}-${r.seed}`, `Seed ${r.seed}`))),
    m.error ? h('p', { class: 'notice error' }, icon('alert'), h('span', { text: `Failed: ${sentence(m.error)}` })) : null,
    m.notes.length ? h('ul', { class: 'notes' }, m.notes.map((text) => h('li', { text: sentence(text) }))) : null);
}

function inputsCard() {
  const list = shown.filter((p) => p.group === 'What went in');
  return h('article', { class: 'method' }, h('header', {}, h('h3', { text: 'What went in' })), h('div', { class: 'shots' }, list.map((p) => shot(p.key, p.short))));
}

/* --- numbers ----------------------------------------------------------------------------------------------- */

const MEMORY = { key: 'peak', name: 'Peak memory', unit: 'GiB', better: 'low', help: 'what the process held at most while the method worked' };
const TIME = { key: 'seconds', name: 'Time', unit: 's a picture', better: 'low', help: 'of one picture; the first one has the loading of the models in it' };

const number = (v) => (Number.isInteger(v) ? String(v) : Math.abs(v) >= 100 ? v.toFixed(0) : Math.abs(v) >= 10 ? v.toFixed(1) : Math.abs(v) >= 1 ? v.toFixed(2) : v.toFixed(3));

function values(m, metric) {
  if (metric.key === 'peak') return m.peak_bytes && m.results.length ? [m.peak_bytes / GIB] : [];
  if (metric.key === 'seconds') return m.results.map((r) => r.seconds);
  return m.results.map((r) => r.metrics?.[metric.key]).filter((v) => v !== undefined && v !== null);
}

function numbers() {
  const all = [TIME, MEMORY, ...data.metrics].filter((metric) => methods.some((m) => values(m, metric).length));
  const best = new Map(all.map((metric) => {
    const means = methods.map((m) => values(m, metric)).filter((v) => v.length).map(mean).map(number);
    const sorted = [...means].sort((x, y) => Number(x) - Number(y));
    const differ = metric.better && Number(sorted.at(-1)) > 1.05 * Number(sorted[0]); // less than that is chance
    return [metric.key, differ ? (metric.better === 'low' ? sorted[0] : sorted.at(-1)) : null];
  }));
  const cell = (m, metric) => {
    const v = values(m, metric);
    if (!v.length) return h('td', {}, h('span', { class: 'soft', 'aria-label': 'does not apply', text: '–' }));
    const text = number(mean(v));
    const spread = v.length > 1 && number(Math.min(...v)) !== number(Math.max(...v)) ? h('span', { class: 'spread', text: `${number(Math.min(...v))} to ${number(Math.max(...v))}` }) : null;
    const won = text === best.get(metric.key);
    return h('td', { class: won ? 'best' : null }, text, won ? h('span', { class: 'hidden', text: ' (best)' }) : null, spread);
  };
  const head = (metric) => h('th', { scope: 'col' }, metric.name, h('span', { class: 'unit', text: metric.unit }));
  return [h('div', { class: 'scroll', tabindex: 0, role: 'region', 'aria-label': 'Numbers' }, h('table', {},
    h('thead', {}, h('tr', {}, h('th', { scope: 'col', text: 'Method' }), all.map(head))),
    h('tbody', {}, methods.map((m) => h('tr', {}, h('th', { scope: 'row' }, h('span', {}, h('span', { class: `letter${m.error ? ' failed' : ''}`, 'aria-hidden': 'true', text: m.letter }), h('span', { text: m.name }))), all.map((metric) => cell(m, metric))))))),
  h('details', { class: 'what' }, h('summary', { text: 'What the numbers mean' }), h('dl', { class: 'meaning' }, all.map((metric) =>
    h('div', {}, h('dt', { text: `${metric.name}: ` }), h('dd', { text: `${metric.help}${metric.better ? `; ${metric.better === 'low' ? 'less' : 'more'} is better` : ''}.` })))))];
}

/* --- settings ---------------------------------------------------------------------------------------------- */

const WORDS = { model: 'Model', attention: 'Attention', lora: 'Adapters', embedding: 'Learned words', vae: 'VAE', prompt: 'Prompt', negative_prompt: 'Not', preset: 'Preset', steps: 'Steps', guidance_scale: 'Guidance', guidance_start: 'Guided from', guidance_end: 'Guided to', strength: 'Strength',
                scheduler: 'Sampler', width: 'Working width', height: 'Working height', whole: 'Whole photo', mask_grow: 'Mask grown by', mask_blur: 'Soft edge', paste: 'Pasted back', color_match: 'Colour matched',
                precision: 'Precision', eta: 'Eta', karras: 'Karras noise', clip_skip: 'Clip skip', long_prompt: 'Long prompts', prompt_weights: 'Weights in prompts', padding: 'Padding', fit: 'Fit', repaint: 'Photo laid over' };
const word = (key) => WORDS[key] ?? (key[0].toUpperCase() + key.slice(1)).replaceAll('_', ' ');
const said = (v) => (v === undefined || v === null || v === '' ? '–' : v === true ? 'yes' : v === false ? 'no' : Array.isArray(v) ? v.join(', ') : v === -1 ? 'automatic' : typeof v === 'number' ? number(v) : String(v));

function settings() {
  const known = methods.filter((m) => m.settings);
  const keys = [...new Set(known.flatMap((m) => Object.keys(m.settings)))];
  const differs = (key) => new Set(known.map((m) => said(m.settings[key]))).size > 1;
  const row = (key) => {
    const texts = known.map((m) => said(m.settings[key]));
    const usual = [...texts].sort((a, b) => texts.filter((t) => t === b).length - texts.filter((t) => t === a).length)[0];
    return h('tr', {}, h('th', { scope: 'row', text: word(key) }), texts.map((t) => h('td', { class: t !== usual ? 'other' : null, text: t })));
  };
  const head = known.map((m) => h('th', { scope: 'col' }, h('span', { class: 'letter', 'aria-hidden': 'true', text: m.letter }), m.name));
  const other = keys.filter(differs);
  const same = keys.filter((key) => !differs(key));
  if (!known.length) return h('p', { class: 'soft', text: 'No method was run.' });
  return [other.length ? h('div', { class: 'scroll', tabindex: 0, role: 'region', 'aria-label': 'Settings that differ' }, h('table', { class: 'settings' },
    h('thead', {}, h('tr', {}, h('th', { scope: 'col', text: 'Setting' }), head)), h('tbody', {}, other.map(row)))) : h('p', { class: 'soft', text: 'All settings are the same.' }),
  same.length ? h('details', { class: 'same' }, h('summary', { text: `${count(same.length, 'setting')} that all share` }),
    h('dl', {}, same.map((key) => h('div', {}, h('dt', { text: word(key) }), h('dd', { text: said(known[0].settings[key]) }))))) : null];
}

/* --- the page ------------------------------------------------------------------------------------------------ */

const section = (title, hint, ...body) => h('section', {}, h('div', { class: 'section-head' }, h('h2', { text: title }), hint ? h('span', { class: 'soft small', text: hint }) : null), body);
const name = data.title || data.image.split(/[\\/]/).at(-1);
const made = new Date(data.written);
document.title = `${name} - drape compare`;
const failed = methods.filter((m) => m.error);
fill(document.getElementById('main'),
  h('div', { class: 'head' },
    h('div', {}, h('h1', { text: name }), h('p', { text: `${count(methods.length, 'method')}, ${count(data.seeds.length, 'seed')}, ${made.toLocaleDateString('en', { day: 'numeric', month: 'long', year: 'numeric' })}` })), themeSwitch()),
  failed.length ? h('p', { class: 'notice error', role: 'status' }, icon('alert'), h('span', { text: `${failed.length === 1 ? 'One method' : `${failed.length} methods`} failed: ${failed.map((m) => m.name).join(', ')}.` })) : null,
  viewer.element,
  section('Pictures', 'Choose what stands left and right above.', h('div', { class: 'methods' }, inputsCard(), methods.map(methodCard))),
  section('Numbers', data.seeds.length > 1 ? 'Means over the seeds, with their range.' : null, numbers()),
  section('Settings', 'What differs between the methods.', settings()),
  h('footer', { text: `Made by drape ${data.drape} on ${data.machine.cpu}, ${count(data.machine.threads, 'thread')} (${data.machine.isa}). The pictures in full size and the numbers as JSON are in the page's folder.` }));
shots.forEach((s) => s.show(viewer.left, viewer.right));
