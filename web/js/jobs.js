// Every job this page knows, kept up to date by one stream of events. Views listen for 'change' (detail: the job, or
// null for the whole list), 'preview', 'garments' and 'online'.

import * as api from './api.js';

class Jobs extends EventTarget {
  constructor() {
    super();
    this.byId = new Map();
    this.online = true;
    this.ready = false;
    this.more = false; // whether the server has older ones
    this.events = 0; // how many were heard
    this.heard = new Map(); // job id: the number of the last event about it
  }

  /** Begins to listen. Called once. */
  start() {
    api.listenToJobs({
      job: (job) => this.hear(job),
      deleted: (id) => this.drop(id),
      preview: (id, preview) => this.preview(id, preview),
      garments: () => this.fire('garments', null),
      sync: () => this.refresh(),
      online: (online) => this.setOnline(online),
    });
    this.refresh();
  }

  /** Asks for the whole list. What an event says meanwhile is newer than the answer, and stays. */
  async refresh() {
    const turn = new Map();
    this.meanwhile = turn;
    clearTimeout(this.again);
    try {
      const { jobs: list, more } = await api.listJobs();
      if (turn !== this.meanwhile) return; // a later call will answer
      this.byId = new Map(list.map((job) => [job.id, job]));
      for (const [id, job] of turn) if (job) this.byId.set(id, job); else this.byId.delete(id);
      this.more = more;
      this.ready = true;
      this.fire('change', null);
    } catch {
      this.again = setTimeout(() => this.refresh(), 2000);
    }
  }

  /** Asks for jobs older than those known. */
  async older() {
    const { jobs: list, more } = await api.listJobs(this.all.at(-1)?.id);
    for (const job of list) this.byId.set(job.id, job);
    this.more = more;
    this.fire('change', null);
  }

  setOnline(online) {
    if (online === this.online) return;
    this.online = online;
    this.fire('online', online);
    if (online) this.refresh();
  }

  put(job) {
    this.byId.set(job.id, { ...this.byId.get(job.id), ...job });
    this.meanwhile?.set(job.id, this.byId.get(job.id));
    this.fire('change', this.byId.get(job.id));
  }

  /** Takes in a job that an event tells of. */
  hear(job) {
    this.heard.set(job.id, ++this.events);
    this.put(job);
  }

  /** Takes in the job that a request is answered with; what an event said about it meanwhile is newer, and stays. */
  async answer(request) {
    const asked = this.events;
    const job = await request;
    if ((this.heard.get(job.id) ?? 0) <= asked) this.put(job);
    return this.byId.get(job.id) ?? job;
  }

  drop(id) {
    this.heard.set(id, ++this.events);
    this.meanwhile?.set(id, null);
    if (!this.byId.delete(id)) return;
    this.fire('change', null);
  }

  preview(id, preview) {
    const job = this.byId.get(id);
    if (!job) return;
    job.preview = preview;
    this.fire('preview', job);
  }

  get(id) { return this.byId.get(id); }

  /** One job, asked for if it is not known. */
  async find(id) {
    return this.byId.get(id) ?? this.answer(api.getJob(id));
  }

  /** Newest first. */
  get all() { return [...this.byId.values()].sort((a, b) => b.created - a.created || Number(b.id) - Number(a.id)); }

  /** What runs and waits, in the order in which it will be done. */
  get queue() {
    const rank = (job) => (job.state === 'running' ? -1 : job.position ?? 0);
    return this.all.filter((job) => isOpen(job)).sort((a, b) => rank(a) - rank(b) || a.created - b.created);
  }

  fire(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }

  /** Calls fn(job) now and on each change of that job, until the returned function is called. */
  watch(id, fn) {
    const handler = (e) => {
      const job = this.byId.get(id);
      if (!e.detail || e.detail.id === id) fn(job);
    };
    this.addEventListener('change', handler);
    this.addEventListener('preview', handler);
    if (this.byId.has(id)) fn(this.byId.get(id));
    else this.find(id).catch(() => fn(undefined));
    return () => {
      this.removeEventListener('change', handler);
      this.removeEventListener('preview', handler);
    };
  }
}

export const jobs = new Jobs();

/** Waits or runs. */
export function isOpen(job) {
  return job.state === 'waiting' || job.state === 'running';
}

const STATES = { waiting: 'Waiting', running: 'Running', done: 'Done', failed: 'Failed', cancelled: 'Stopped' };
export function stateName(job) {
  return STATES[job.state] ?? job.state;
}

const TYPES = { tryon: 'Dress', mask: 'Mask', train: 'Teach' };
export function typeName(job) {
  return TYPES[job.type] ?? job.type;
}
