import { describe, expect, it } from 'vitest';
import { table } from '../../../api/cli/table.ts';
import { newItem } from '../fields.ts';
import { itemDetails, itemTable, itemTitle } from './show.ts';

const zone = 'Europe/Oslo';
const context = { version: 141, zone, nowMs: Date.parse('2026-03-02T09:00:00Z'), uid: 'u1' } as const;

describe('items as a person reads them', () => {
  it('lists contacts by name, in columns that line up', () => {
    const items = [
      ['id2', newItem('contact', ['first=Ola', 'last=Ødegård'], context)],
      ['id1', newItem('contact', ['first=Astrid', 'last=Bråthen', 'email=a@fjord.example'], context)],
    ] as const;
    expect(itemTable('contact', items, zone)).toBe(
      [
        'ServerId  Name             Mail             Mobile  Company',
        '────────  ───────────────  ───────────────  ──────  ───────',
        'id1       Bråthen, Astrid  a@fjord.example',
        'id2       Ødegård, Ola',
      ].join('\n'),
    );
  });

  it.for([141, 161] as const)(
    'shows local times on both sides of the change to summer time, in version %s',
    (version) => {
      const at = (start: string) =>
        itemTitle(
          'appointment',
          newItem('appointment', ['subject=Møte', `start=${start}`], { ...context, version }),
          zone,
        );
      expect(at('2026-03-28T10:00')).toBe('Møte, 2026-03-28 10:00, 2026-03-28 11:00');
      expect(at('2026-03-29T10:00')).toBe('Møte, 2026-03-29 10:00, 2026-03-29 11:00');
    },
  );

  it.for([141, 161] as const)('shows the days of an all-day event without hours, in version %s', (version) => {
    const words = ['subject=Fri', 'start=2026-03-29', 'allday=yes'];
    const item = newItem('appointment', words, { ...context, version });
    expect(itemTitle('appointment', item, zone)).toBe('Fri, 2026-03-29, 2026-03-30');
  });

  it('tells everything of an item, also what is nested', () => {
    const text = itemDetails(newItem('note', ['subject=Idé', 'body=Skriv', 'categories=a, b'], context), zone);
    expect(text).toContain('Notes:Subject: Idé');
    expect(text).toContain('AirSyncBase:Body\n  AirSyncBase:Type: 1\n  AirSyncBase:Data: Skriv');
    expect(text).toContain('  Notes:Category: a\n  Notes:Category: b');
  });
});

describe('a table', () => {
  it('keeps a cell on its line and cuts what is too long', () => {
    const [, , line = ''] = table(['A', 'B'], [[`x\ny\u001b[31m${'z'.repeat(60)}`, 'end']]).split('\n');
    expect(line).toMatch(/^x y \[31mz+… {2}end$/);
  });

  it('counts letters as they are seen, however they are composed', () => {
    const lines = table(
      ['A', 'B'],
      [
        ['A\u030a', '1'],
        ['Å', '2'],
      ],
    ).split('\n');
    expect(lines.slice(2).map((line) => line.normalize('NFC'))).toEqual(['Å  1', 'Å  2']);
  });
});
