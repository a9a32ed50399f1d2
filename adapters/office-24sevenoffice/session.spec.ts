import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { AuthenticationFailed, OutcomeUnknown, SessionExpired, Unavailable } from '../office/errors.ts';
import type { OfficeCollection, OfficeSession, OfficeSystem } from '../office/port.ts';
import { create24SevenOffice } from './office.ts';
import { type OfficeSimulator, startOfficeSimulator } from './simulator/start.ts';
import type { OfficeCallReport } from './transport.ts';

const minuteMs = 60_000;

describe('a session at 24SevenOffice', () => {
  let simulator: OfficeSimulator;
  let office: OfficeSystem;
  let nowMs: number;
  let reports: OfficeCallReport[];
  let session: OfficeSession;
  let tasks: OfficeCollection;

  const made = (urls: OfficeSimulator['urls']) =>
    create24SevenOffice({
      urls,
      applicationId: 'any',
      nowMs: () => nowMs,
      assumedInterface: true,
      timeoutMs: 1000,
      onCall: (report) => reports.push(report),
    });
  const calls = (operation: string) => reports.filter((report) => report.operation === operation).length;

  beforeEach(async () => {
    nowMs = Date.UTC(2026, 2, 1, 12);
    reports = [];
    simulator = await startOfficeSimulator({ nowMs: () => nowMs, loseMs: 10 });
    office = made(simulator.urls);
    session = await office.open({ username: 'Kari@demo.example', password: 'demo' });
    tasks = (await office.listCollections(session)).find(({ kind }) => kind === 'task')!;
    reports.length = 0;
  });
  afterEach(async () => {
    await office.close();
    await simulator.close();
  });

  it('says who signed in, where the person lives and which tenants there are', () => {
    expect(session).toEqual({
      owner: 'kari@demo.example',
      displayName: 'Kari Nordmann',
      timeZone: 'Europe/Oslo',
      tenants: [{ id: expect.any(String), name: 'Demo AS', current: true }],
    });
  });

  it('holds nothing secret that a log could print', () => {
    expect(JSON.stringify(session)).not.toContain('demo"');
  });

  it('is reused when it is opened again, without a call while it is in use', async () => {
    expect(await office.open({ username: 'kari@demo.example', password: 'demo' })).toBe(session);
    expect(reports).toEqual([]);
  });

  it('is asked for after it was idle, and opened anew only when the office has ended it', async () => {
    nowMs += 5 * minuteMs;
    await office.list(session, tasks);
    expect([calls('HasSession'), calls('Login')]).toEqual([1, 0]);
    nowMs += 30 * minuteMs;
    await office.list(session, tasks);
    expect([calls('HasSession'), calls('Login')]).toEqual([2, 1]);
  });

  it('is renewed by one login for many calls when the office forgets it', async () => {
    simulator.forgetSessions();
    const listings = await Promise.all(Array.from({ length: 6 }, () => office.list(session, tasks)));
    expect(listings.map(({ records }) => records.length)).toEqual([3, 3, 3, 3, 3, 3]);
    expect(calls('Login')).toBe(1);
  });

  it('is renewed for a write, which is done once', async () => {
    simulator.fault({ kind: 'sessionExpired', count: 1 });
    await office.create(session, tasks, { subject: 'Én gang' }, 'once');
    const { records } = await office.list(session, tasks);
    expect(records.filter(({ externalKey }) => externalKey === 'once')).toHaveLength(1);
  });

  it('is given up when the office forgets it again at once', async () => {
    simulator.fault({ kind: 'sessionExpired', count: 2 });
    await expect(office.list(session, tasks)).rejects.toBeInstanceOf(SessionExpired);
    expect(calls('Login')).toBe(1);
  });

  it('is not lent to one who does not know the password', async () => {
    const stranger = office.open({ username: 'kari@demo.example', password: 'guess' });
    await expect(stranger).rejects.toBeInstanceOf(AuthenticationFailed);
  });

  it('chooses the tenant by its name, and fails for one that is blocked or strange', async () => {
    const clients = [
      { id: 7, name: 'En AS' },
      { id: 8, name: 'To AS' },
      { id: 9, name: 'Stengt AS', blocked: true },
    ];
    simulator.addPerson({ email: 'per@en.example', password: 'x', clients });
    const open = (tenant: string) => office.open({ username: 'per@en.example', password: 'x', tenant });
    expect((await open('to as')).tenants.map(({ current }) => current)).toEqual([false, true]);
    await expect(open('Stengt AS')).rejects.toBeInstanceOf(AuthenticationFailed);
    await expect(open('Ukjent AS')).rejects.toBeInstanceOf(AuthenticationFailed);
  });

  it('does not say that a write failed when the office broke down during it', async () => {
    simulator.fault({ kind: 'http500', count: 1 });
    await expect(office.create(session, tasks, { subject: 'A' }, 'a')).rejects.toBeInstanceOf(OutcomeUnknown);
  });

  it('shows an empty listing when the office gives one', async () => {
    simulator.fault({ kind: 'emptyList', count: 1 });
    expect((await office.list(session, tasks)).records).toEqual([]);
    expect((await office.list(session, tasks)).records).toHaveLength(3);
  });

  it('hides what is private in a shared calendar, and lets no other person change it', async () => {
    const ola = await office.open({ username: 'ola@demo.example', password: 'demo' });
    const calendar = (await office.listCollections(ola)).find(({ owner }) => owner === 'kari@demo.example')!;
    const { records } = await office.list(ola, calendar);
    const hidden = records.filter(({ fields }) => (fields as { subject?: string }).subject === undefined);
    expect(hidden).toHaveLength(1);
    await expect(office.delete(ola, calendar, hidden[0]!.id)).rejects.toMatchObject({ code: 'refused' });
  });

  it('keeps what colleagues linked to an appointment, and names it', async () => {
    const calendar = (await office.listCollections(session)).find(
      ({ kind, owner }) => kind === 'appointment' && owner === session.owner,
    )!;
    const fields = {
      subject: 'A',
      start: '2026-03-01T08:00:00.000Z',
      end: '2026-03-01T09:00:00.000Z',
      timeZone: 'Europe/Oslo',
    };
    const { id } = await office.create(session, calendar, fields, 'linked');
    const patched = await fetch(`${simulator.url}/_screen/kari@demo.example/appointments/${id}`, {
      method: 'PATCH',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ linkedCompanyIds: [1003] }),
    });
    await patched.body?.cancel();
    await office.update(session, calendar, id, { ...fields, subject: 'B' });
    expect(await office.get(session, calendar, id)).toMatchObject({
      unsupported: ['LinkedCompanyIds'],
      fields: { subject: 'B' },
    });
  });

  it('says unavailable when nobody listens', async () => {
    await simulator.close();
    await expect(office.list(session, tasks)).rejects.toBeInstanceOf(Unavailable);
    await expect(office.create(session, tasks, { subject: 'A' }, 'a')).rejects.toBeInstanceOf(Unavailable);
  });

  it('offers companies and people alone where the assumed interface is not served', async () => {
    const bare = create24SevenOffice({
      urls: simulator.urls,
      applicationId: 'any',
      nowMs: () => nowMs,
      assumedInterface: false,
    });
    const opened = await bare.open({ username: 'kari@demo.example', password: 'demo' });
    expect((await bare.listCollections(opened)).map(({ kind }) => kind)).toEqual(['company']);
    expect((await bare.list(opened, (await bare.listCollections(opened))[0]!)).records).toHaveLength(3);
    await bare.close();
  });
});
