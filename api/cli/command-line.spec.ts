import { expect, it } from 'vitest';
import { freshDatabase } from '../../test/postgres.ts';
import { ConfigError } from '../config.ts';
import { NotNow, sentenceOf } from './command-line.ts';

it('tells an error in one sentence that says what to do', async () => {
  expect(sentenceOf(new ConfigError('Say --json or --csv, not both.'))).toBe('Say --json or --csv, not both.');
  expect(sentenceOf(new NotNow('Stop the server first.'))).toBe('Stop the server first.');
  expect(sentenceOf(new Error('no'))).toBe('It failed: no');
  const { pool } = await freshDatabase();
  await pool.query('drop table log_anchors');
  const error = await pool.query('select from log_anchors').catch((caught: unknown) => caught);
  expect(sentenceOf(error)).toMatch(/^The database has an older schema \(.*\): npm run migrate brings it up\.$/);
});
