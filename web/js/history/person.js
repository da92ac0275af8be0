// Which results show the same person: those of one photo, and those that were made from such a result in turn.

/** The photo that a photo goes back to: itself, or where the result came from that it was. */
export function rootPhoto(photo, jobs) {
  const made = new Map();
  for (const job of jobs) if (job.type === 'tryon') for (const r of job.results ?? []) made.set(r.image, job.settings.photo);
  const seen = new Set();
  let at = photo;
  while (made.has(at) && !seen.has(at)) {
    seen.add(at);
    at = made.get(at);
  }
  return at;
}

/** All results of the person in a photo, the newest job's first: {key, job, index, result}. */
export function resultsOf(photo, jobs) {
  const root = rootPhoto(photo, jobs);
  return jobs.filter((job) => job.type === 'tryon' && job.state === 'done' && rootPhoto(job.settings.photo, jobs) === root)
    .flatMap((job) => (job.results ?? []).map((result, index) => ({ key: `${job.id}.${index}`, job, index, result })));
}

/** "compare-12.0-15.1" of two keys, and back: {left, right}, or null. */
export const pairId = (left, right) => `compare-${left}-${right}`;
export function pairOf(id) {
  const found = /^compare-(\w+\.\d+)-(\w+\.\d+)$/.exec(id);
  return found && { left: found[1], right: found[2] };
}

const PICTURES = ['photo', 'mask', 'garmentPhoto']; // their ids say nothing to people

/** The settings of two jobs as rows {key, left, right, differs}, those that differ first; `keys` in the order to show. */
export function settingsBeside(a, b, keys) {
  const said = (v) => (v === undefined || v === null || v === '' || v === 0 ? '' : String(v));
  const rows = keys.map((key) => ({ key, left: said(a[key]), right: said(b[key]) })).filter((r) => r.left || r.right)
    .map((r) => ({ ...r, differs: r.left !== r.right }))
    .filter((r) => r.differs || !PICTURES.includes(r.key))
    .map((r) => (PICTURES.includes(r.key) ? { ...r, left: r.left && 'one', right: r.right && 'another' } : r));
  return [...rows.filter((r) => r.differs), ...rows.filter((r) => !r.differs)];
}
