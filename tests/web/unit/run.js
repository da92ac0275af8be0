// Runs every test and leaves the outcome where the driver reads it: window.outcome.

import { tests } from './check.js';
import './mask.js';
import './kind.js';
import './rest.js';
import './pair.js';

const failures = [];
for (const { name, fn } of tests) {
  try {
    await fn();
  } catch (error) {
    failures.push(`${name}: ${error.message}`);
  }
}
window.outcome = { count: tests.length, failures };
document.getElementById('out').textContent = [`${tests.length - failures.length} of ${tests.length} hold`, ...failures].join('\n');
document.title = failures.length ? 'failed' : 'passed';
