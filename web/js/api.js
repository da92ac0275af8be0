// Everything that the page asks of the server, and nothing else: the rest of the page knows no address and no field of
// its JSON.

import { listen } from './events.js';
import { bytes } from './format.js';

const BASE = 'api/v1';

/** A refusal or a failure, in the server's own words. */
export class ApiError extends Error {
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

async function request(path, { method = 'GET', json, body, headers = {}, signal } = {}) {
  let response = null;
  try {
    response = await fetch(`${BASE}/${path}`, {
      method, signal, headers: json === undefined ? headers : { 'Content-Type': 'application/json', ...headers },
      body: json === undefined ? body : JSON.stringify(json),
    });
  } catch (error) {
    if (error.name === 'AbortError') throw error;
    throw new ApiError('the server does not answer; is drape serve still running?', 0);
  }
  const text = await response.text();
  let answer = null;
  try {
    answer = text ? JSON.parse(text) : null;
  } catch {
    // an answer that is no JSON is judged by its status alone
  }
  if (response.status === 401) askForToken?.();
  if (!response.ok) throw new ApiError(answer?.error?.message ?? `the server answers ${response.status}`, response.status);
  return answer;
}

let askForToken = null;
/** What to do when the server wants a token. */
export function onUnauthorized(fn) { askForToken = fn; }

/* --- pictures ----------------------------------------------------------------------------------------- */

/** Sends a photo or a mask. Resolves to {id, width, height}, upright. */
export function uploadImage(blob) {
  const type = blob.type.startsWith('image/') ? blob.type : 'application/octet-stream';
  return request('images', { method: 'POST', body: blob, headers: { 'Content-Type': type } });
}

export function imageInfo(id) { return request(`images/${id}/info`); }

/** The address of a picture, `width` pixels wide where the whole is not needed. */
export function imageUrl(id, width) {
  return `${BASE}/images/${id}${width ? `?width=${Math.max(16, Math.min(2048, Math.round(width)))}` : ''}`;
}

/** A file of the page's own. */
export async function fetchBlob(path) {
  const response = await fetch(path);
  if (!response.ok) throw new ApiError(`'${path}' is not there`, response.status);
  return response.blob();
}

/* --- what there is --------------------------------------------------------------------------------------- */

/** Models as {id, name, label, size}, samplers, limits. A single file is labelled with what it is and how large. */
export async function getInfo() {
  const info = await request('info');
  return { ...info, models: info.models.map((m) => ({ ...m, label: m.family ? `${m.name} (${m.family}, ${bytes(m.bytes)})` : m.name,
                                                        size: `${m.width} x ${m.height}` })) };
}

/** What was taught: {id, name, prompt, image, lora}. */
export async function listGarments() {
  const { garments } = await request('garments');
  return garments.map((g) => ({ ...g, lora: g.method === 'lora' }));
}

/* --- jobs ------------------------------------------------------------------------------------------------- */

/* The page's word for each of the server's settings that is called otherwise. */
const WORDS = { negative_prompt: 'negative', guidance_scale: 'guidance', mask_grow: 'grow', mask_blur: 'feather', garment_scale: 'garmentScale',
                learning_rate: 'rate', lora_scale: 'loraScale', garment_photo: 'garmentPhoto', garment_category: 'garmentCategory', garment_cut: 'garmentCut',
                hold_out: 'holdOut' };

function fromSettings(sent) {
  const s = {};
  for (const [key, value] of Object.entries(sent)) s[WORDS[key] ?? key] = value;
  if (s.feather === -1) s.feather = null;
  if (s.scheduler === null) s.scheduler = '';
  if (s.lora === null) s.lora = '';
  return s;
}

function toSettings(s) {
  const out = {};
  const back = Object.fromEntries(Object.entries(WORDS).map(([theirs, ours]) => [ours, theirs]));
  for (const [key, value] of Object.entries(s)) if (value !== undefined) out[back[key] ?? key] = value;
  if (out.mask_blur === null) out.mask_blur = -1;
  if (out.scheduler === '') out.scheduler = null;
  if (out.lora === '') out.lora = null;
  return out;
}

/* A job as the page knows it; jobs.js and the views rely on these fields. */
function fromJob(job) {
  const t = job.training;
  return {
    id: job.id, type: job.type, state: job.state, position: job.position, created: job.created, started: job.started, ended: job.ended,
    error: job.error, stage: job.stage, stageText: job.stage_text, done: job.done, total: job.total, fraction: job.fraction, left: job.seconds_left,
    picture: job.picture, settings: fromSettings(job.settings), preview: job.preview?.replace(/^\//, '') ?? null, garment: job.garment,
    warnings: job.warnings,
    results: job.results.filter((r) => r.kind !== 'mask' || job.type === 'mask'),
    training: t && { step: t.step, steps: t.steps, smooth: t.smooth_loss, seconds: t.seconds_per_step, memory: t.memory },
  };
}

export async function submit(spec) {
  return fromJob(await request('jobs', { method: 'POST', json: toSettings(spec) }));
}

/** One page of jobs, newest first, older than the job `before`: {jobs, more}. */
export async function listJobs(before) {
  const { jobs, more } = await request(`jobs?limit=200${before ? `&before=${before}` : ''}`);
  return { jobs: jobs.map(fromJob), more };
}

export async function getJob(id) { return fromJob(await request(`jobs/${encodeURIComponent(id)}`)); }
export async function cancelJob(id) { return fromJob(await request(`jobs/${id}/cancel`, { method: 'POST' })); }
export async function retryJob(id) { return fromJob(await request(`jobs/${id}/retry`, { method: 'POST' })); }
export function deleteJob(id) { return request(`jobs/${id}`, { method: 'DELETE' }); }

/** Moves a waiting job to a place in the queue; 0 is next. */
export function moveJob(id, position) { return request(`jobs/${id}/move`, { method: 'POST', json: { position } }); }

/** Checks a training before it starts: {photos: [[{text, severity}]], general, memory, memoryFree, seconds}. */
export async function lint(spec) {
  const answer = await request('lint', { method: 'POST', json: toSettings({ type: 'train', ...spec }) });
  return { ...answer, memoryFree: answer.memory_free, memoryText: answer.memory_text };
}

/* --- events ------------------------------------------------------------------------------------------------ */

/** All jobs: handlers job(job), preview(id, url), deleted(id), garments(), sync(), online(bool). Returns a stop. */
export function listenToJobs(handlers) {
  return listen(`${BASE}/events`, {
    job: (job) => job && handlers.job(fromJob(job)),
    preview: (p) => p && handlers.preview(p.job, p.url.replace(/^\//, '')),
    deleted: (d) => d && handlers.deleted(d.id),
    garments: () => handlers.garments(),
    sync: () => handlers.sync(),
    online: handlers.online,
  });
}

/** A training's loss: points(list of {step, loss, smooth}, whole, looks), where whole replaces what was, and looks are what
 *  it made of photos held out, {step, loss, numbers}. Returns a stop. */
export function listenToTraining(id, points) {
  const convert = (list) => list.map((p) => ({ step: p.step, loss: p.loss, smooth: p.smooth_loss }));
  const all = () => request(`jobs/${id}/loss`).then((answer) => points(convert(answer.points), true, answer.looks), () => {});
  all();
  return listen(`${BASE}/jobs/${id}/events`, { loss: (l) => l && points(convert(l.points), l.whole, l.looks), sync: all });
}
