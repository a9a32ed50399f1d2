// Sums a JSON report of vitest up in one line, `N passed, N failed, N skipped`, for readers that know no vitest.
// Arguments: the report's file and the exit code of the run. Plain JavaScript: it runs on the Node that the host has.
import { readFileSync } from 'node:fs';

const [file, exitCode] = process.argv.slice(2);
const report = JSON.parse(readFileSync(file, 'utf8'));
const specs = report.testResults;
const tests = specs.flatMap((spec) => spec.assertionResults);
const of = (...statuses) => tests.filter(({ status }) => statuses.includes(status)).length;

// A spec that cannot be loaded has no tests that fail, and an error outside of every test belongs to none.
const brokenSpecs = specs.filter((spec) => spec.status === 'failed' && !spec.assertionResults.some(isFailed)).length;
const failed = of('failed') + brokenSpecs;
const outside = failed === 0 && exitCode !== '0' ? 1 : 0;
const skipped = of('pending', 'skipped', 'todo', 'disabled');
console.log(`${of('passed')} passed, ${failed + outside} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`);

function isFailed({ status }) {
  return status === 'failed';
}
