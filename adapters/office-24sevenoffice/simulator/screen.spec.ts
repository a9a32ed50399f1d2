import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type OfficeSimulator, startOfficeSimulator } from './start.ts';

const nowMs = () => Date.UTC(2026, 2, 4, 12, 20);

describe('the screens of the simulated office', () => {
  let simulator: OfficeSimulator;
  let directory: string;

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'office-'));
    simulator = await startOfficeSimulator({ nowMs, directory });
  });
  afterEach(async () => {
    await simulator.close();
    await rm(directory, { recursive: true });
  });

  async function ask(method: string, path: string, body?: unknown) {
    const response = await fetch(`${simulator.url}/_screen/${path}`, {
      method,
      ...(body === undefined ? {} : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, body: text === '' ? undefined : JSON.parse(text) };
  }
  const records = async (path: string): Promise<Record<string, unknown>[]> => (await ask('GET', path)).body;

  it('shows the demo people with something in every folder', async () => {
    for (const email of ['kari@demo.example', 'ola@demo.example']) {
      const appointments = await records(`${email}/appointments`);
      expect(
        appointments.filter(({ recurrence, exceptions }) => recurrence !== undefined && exceptions !== undefined),
      ).toHaveLength(1);
      expect(appointments.filter(({ allDay }) => allDay)).toHaveLength(1);
      expect(appointments.filter(({ participants }) => participants)).toHaveLength(1);
      const tasks = await records(`${email}/tasks`);
      expect(tasks.filter(({ percent }) => percent === 100)).toHaveLength(1);
      expect(tasks.filter(({ end, percent }) => percent !== 100 && String(end) < '2026-03-04')).toHaveLength(1);
      expect((await records(`${email}/contacts`)).length).toBeGreaterThan(2);
      expect(await records(`${email}/notes`)).toHaveLength(1);
    }
    expect((await records('kari@demo.example/companies')).length).toBeGreaterThan(2);
  });

  it('makes an appointment of an hour out of a title, and keeps its length when it moves past its end', async () => {
    const { status, body } = await ask('POST', 'kari@demo.example/appointments', { subject: 'Kaffe', color: 'red' });
    expect([status, body]).toEqual([201, { id: expect.any(String), ignored: ['color'] }]);
    const path = `kari@demo.example/appointments/${body.id}`;
    expect((await ask('GET', path)).body).toMatchObject({
      title: 'Kaffe',
      start: '2026-03-04T13:00:00Z',
      end: '2026-03-04T14:00:00Z',
      timeZone: 'Europe/Oslo',
    });
    const moved = await ask('PATCH', path, { start: '2026-03-05T10:00:00+01:00', location: 'Kantina' });
    expect(moved.body).toMatchObject({
      title: 'Kaffe',
      location: 'Kantina',
      start: '2026-03-05T09:00:00Z',
      end: '2026-03-05T10:00:00Z',
    });
  });

  it('makes an all-day appointment of one day, whose end is the day after', async () => {
    const { body } = await ask('POST', 'kari@demo.example/appointments', {
      title: 'Fri',
      allDay: true,
      start: '2026-05-17',
    });
    expect((await ask('GET', `kari@demo.example/appointments/${body.id}`)).body).toMatchObject({
      start: '2026-05-17',
      end: '2026-05-18',
    });
  });

  it('merges a change, and clears with null', async () => {
    const { body } = await ask('POST', 'ola@demo.example/contacts', {
      firstName: 'Åge',
      mobile: '1',
      email: 'a@x.example',
    });
    const changed = await ask('PATCH', `ola@demo.example/contacts/${body.id}`, { mobile: null, lastName: 'Ås' });
    expect(changed.body).toEqual({
      id: body.id,
      firstName: 'Åge',
      lastName: 'Ås',
      email: 'a@x.example',
      changedAt: '2026-03-04T12:20:00Z',
    });
  });

  it('deletes once', async () => {
    const { body } = await ask('POST', 'ola@demo.example/notes', { title: 'Kort', body: 'liv' });
    expect((await ask('DELETE', `ola@demo.example/notes/${body.id}`)).status).toBe(204);
    expect((await ask('DELETE', `ola@demo.example/notes/${body.id}`)).status).toBe(404);
  });

  it('says what is wrong with a request', async () => {
    expect((await ask('GET', 'nobody@demo.example/tasks')).status).toBe(404);
    expect((await ask('GET', 'kari@demo.example/cats')).status).toBe(404);
    expect((await ask('POST', 'kari@demo.example/tasks', { percent: 'much' })).status).toBe(400);
    expect((await ask('POST', 'kari@demo.example/appointments', { start: 'soon' })).status).toBe(400);
    expect((await ask('POST', '_faults', { kind: 'earthquake' })).status).toBe(400);
  });

  it('lists and clears the faults it was asked for', async () => {
    await ask('POST', '_faults', { kind: 'slow', rate: 0.5 });
    await ask('POST', '_faults', { kind: 'http500', count: 2 });
    expect((await ask('GET', '_faults')).body).toEqual([
      { kind: 'slow', rate: 0.5 },
      { kind: 'http500', rate: 1, count: 2 },
    ]);
    expect((await ask('DELETE', '_faults')).status).toBe(204);
    expect((await ask('GET', '_faults')).body).toEqual([]);
  });

  it('has every answered change in its files, so a new start after a sudden end shows it and spends no id twice', async () => {
    const made = await Promise.all(
      Array.from({ length: 20 }, (_, number) => ask('POST', 'user2@demo.example/tasks', { title: `${number}` })),
    );
    expect(made.every(({ status }) => status === 404)).toBe(true);
    simulator.addEmptyPeople(2);
    const answered = await Promise.all(
      Array.from({ length: 20 }, (_, number) => ask('POST', 'user2@demo.example/tasks', { title: `${number}` })),
    );
    const ids = answered.map(({ body }) => body.id).sort();
    await ask('DELETE', `user2@demo.example/tasks/${ids.at(-1)}`);
    // The first is still running and has not been told to end.
    const second = await startOfficeSimulator({ nowMs, directory });
    const shown = await fetch(`${second.url}/_screen/user2@demo.example/tasks`);
    const found = (await shown.json()) as { id: string }[];
    expect(found.map(({ id }) => id).sort()).toEqual(ids.slice(0, -1));
    const next = await fetch(`${second.url}/_screen/user1@demo.example/notes`, { method: 'POST' });
    expect(Number(((await next.json()) as { id: string }).id)).toBeGreaterThan(Number(ids.at(-1)));
    await second.close();
    expect((await readdir(directory)).every((file) => file.endsWith('.json'))).toBe(true);
  });
});
