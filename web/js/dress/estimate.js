// How long a picture will take, from how long such pictures took here.

/** Seconds for `settings`, or null: the newest done try-on with the same model, preset and size says what a step costs. */
export function estimate(jobs, settings) {
  for (const job of jobs) {
    const s = job.settings;
    if (job.type !== 'tryon' || job.state !== 'done' || !job.started || !job.ended) continue;
    if (s.model !== settings.model || s.width !== settings.width || s.height !== settings.height || s.preset !== settings.preset) continue;
    const work = (x) => Math.max(1, (x.steps ?? s.steps) * x.strength) * x.count * (x.guidance > 1 ? 2 : 1);
    return ((job.ended - job.started) / work(s)) * work(settings);
  }
  return null;
}
