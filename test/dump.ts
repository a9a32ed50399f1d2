/** Everything a database holds, as somebody who steals a dump of it would read it, and words found in it. */
import type pg from 'pg';

/** Every row of every table as text; bytes in hexadecimal, as PostgreSQL writes them. */
export async function dumpOf(pool: pg.Pool): Promise<Map<string, string>> {
  const { rows: tables } = await pool.query<{ name: string }>(
    `select format('%I.%I', schemaname, tablename) as name from pg_tables
      where schemaname not in ('pg_catalog', 'information_schema') order by 1`,
  );
  const dump = new Map<string, string>();
  for (const { name } of tables) {
    const { rows } = await pool.query<{ line: string }>(`select t::text as line from ${name} as t`);
    dump.set(name, rows.map(({ line }) => line).join('\n'));
  }
  return dump;
}

/** How a word may stand in bytes: as it is, in UTF-16, in base64 at any place, and each of these in hexadecimal. */
export function writtenForms(word: string): Buffer[] {
  const plain = [Buffer.from(word, 'utf8'), Buffer.from(word, 'utf16le'), Buffer.from(word, 'utf16le').swap16()];
  const base64 = plain.flatMap((bytes) =>
    [0, 1, 2].map((shift) => {
      const text = Buffer.concat([Buffer.alloc(shift), bytes])
        .toString('base64')
        .replace(/=+$/, '');
      // The first and the last characters depend on what stands beside.
      return Buffer.from(text.slice(shift === 0 ? 0 : shift + 1, -1));
    }),
  );
  const hex = [...plain, ...base64].map((bytes) => Buffer.from(bytes.toString('hex')));
  return [...plain, ...base64, ...hex];
}

/** Which of the words are found in the bytes, in any letter case. */
export function wordsIn(bytes: Uint8Array, words: readonly string[]): string[] {
  const held = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return words.filter((word) =>
    [word, word.toLowerCase(), word.toUpperCase()].some((form) =>
      writtenForms(form).some((written) => held.includes(written)),
    ),
  );
}
