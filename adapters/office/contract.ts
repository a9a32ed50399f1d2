import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Fields, type ItemKind, itemKinds } from '../../domain/item/fields.ts';
import { arbitraryFields } from './arbitrary.ts';
import { AuthenticationFailed, NotFound, OutcomeUnknown, QuotaExceeded, Refused, Unavailable } from './errors.ts';
import type { OfficeCollection, OfficeRecordId, OfficeSession, OfficeSystem } from './port.ts';

export type ContractFault = 'unavailable' | 'quota' | 'lost' | 'lostAnswer';

/**
 * An office to test. It has kari@demo.example and ola@demo.example, password `demo`, with nothing in their folders;
 * Ola may change Kari's calendar, Kari may read Ola's, and per@demo.example may see when Kari is busy.
 */
export interface OfficeUnderTest {
  readonly office: OfficeSystem;
  /** The next call of this kind meets the fault. */
  fault(fault: ContractFault): void;
  clearFaults(): void;
  /** A colleague deletes a record at the office's own screens. */
  colleagueDeletes(email: string, kind: ItemKind, id: OfficeRecordId): Promise<void>;
  close(): Promise<void>;
}

const samples: Readonly<Record<ItemKind, Fields>> = {
  contact: {
    givenName: 'Åse',
    familyName: 'Østby-Ærlig',
    email1: 'ase@firma.example',
    email2: 'hjemme@privat.example',
    mobilePhone: '+47 900 00 000',
    homeAddress: { street: 'Parkveien 7', postalCode: '0350', locality: 'Oslo' },
    birthday: '1979-05-17',
    body: { type: 'text', content: 'Første linje\nAndre <linje> & mer' },
  },
  appointment: {
    subject: 'Møte',
    location: 'Rom 3',
    start: '2026-03-27T08:00:00.000Z',
    end: '2026-03-27T09:00:00.000Z',
    timeZone: 'Europe/Oslo',
    reminderMinutes: 15,
    recurrence: { frequency: 'weekly', byDay: ['FR'], count: 10 },
    exceptions: {
      '2026-04-03T07:00:00.000Z': { deleted: true },
      '2026-04-10T07:00:00.000Z': {
        changed: { start: '2026-04-10T09:00:00.000Z', end: '2026-04-10T10:00:00.000Z', reminderMinutes: 30 },
      },
    },
    attendees: [{ email: 'ola@demo.example', name: 'Ola', status: 'tentative' }],
  },
  task: {
    subject: 'Ring',
    start: '2026-03-28',
    due: '2026-03-29',
    percentComplete: 40,
    importance: 'high',
    reminderAt: '2026-03-28T07:00:00.000Z',
  },
  note: { subject: 'Kode', body: { type: 'text', content: 'Døra på baksiden' } },
};

/** What every office adapter promises. */
export function officeContract(name: string, makeOffice: () => Promise<OfficeUnderTest>): void {
  describe(`${name} keeps the office contract`, () => {
    let tested: OfficeUnderTest;
    let office: OfficeSystem;
    let kari: OfficeSession;
    let ola: OfficeSession;
    let keys = 0;
    const nextKey = () => {
      keys += 1;
      return `key-${keys}`;
    };

    beforeAll(async () => {
      tested = await makeOffice();
      office = tested.office;
      kari = await office.open({ username: 'kari@demo.example', password: 'demo' });
      ola = await office.open({ username: 'ola@demo.example', password: 'demo' });
    });
    beforeEach(() => tested.clearFaults());
    afterAll(() => tested.close());

    async function own(kind: ItemKind, session = kari): Promise<OfficeCollection> {
      const found = (await office.listCollections(session)).find(
        (each) => each.kind === kind && each.owner === session.owner,
      );
      if (found === undefined) throw new Error(`no own ${kind} collection`);
      return found;
    }
    const create = async (kind: ItemKind, fields: Fields = samples[kind], key = nextKey()) => {
      const collection = await own(kind);
      return { collection, key, ...(await office.create(kari, collection, fields, key)) };
    };

    it('lets nobody in with a wrong password', async () => {
      const wrong = office.open({ username: 'kari@demo.example', password: 'guess' });
      await expect(wrong).rejects.toBeInstanceOf(AuthenticationFailed);
      await expect(office.open({ username: 'nobody@demo.example', password: 'demo' })).rejects.toBeInstanceOf(
        AuthenticationFailed,
      );
    });

    it('tells own and shared collections with their access', async () => {
      const ofOla = await office.listCollections(ola);
      expect(ofOla.find((each) => each.owner === 'kari@demo.example')).toMatchObject({
        kind: 'appointment',
        access: 'readWrite',
      });
      const ofKari = await office.listCollections(kari);
      expect(ofKari.find((each) => each.owner === 'ola@demo.example')).toMatchObject({
        kind: 'appointment',
        access: 'read',
      });
      for (const kind of itemKinds) expect((await own(kind)).access).toBe('readWrite');
    });

    for (const kind of itemKinds) {
      it(`gives back a ${kind} as it was created, by list, id and external key`, async () => {
        const { collection, id, key } = await create(kind);
        const expected = office.normalise(kind, samples[kind]);
        const got = await office.get(kari, collection, id);
        expect(got?.fields).toEqual(expected);
        expect(got?.hash).toBe(office.officeHash(kind, samples[kind]));
        expect(got?.externalKey).toBe(key);
        expect(await office.findByExternalKey(kari, collection, key)).toEqual(got);
        const listing = await office.list(kari, collection);
        expect(listing.complete).toBe(true);
        expect(listing.records.find((record) => record.id === id)).toEqual(got);
      });

      it(`clears the fields of a ${kind} that an update leaves out, and takes the same update twice`, async () => {
        const { collection, id } = await create(kind);
        const least =
          kind === 'appointment'
            ? { start: '2026-05-01', end: '2026-05-02', allDay: true, timeZone: 'Europe/Oslo' }
            : { subject: 'Bare dette', givenName: 'Bare dette' };
        await office.update(kari, collection, id, least);
        await office.update(kari, collection, id, least);
        expect((await office.get(kari, collection, id))?.fields).toEqual(office.normalise(kind, least));
      });

      it(`finds no ${kind} after its deletion, and says whether there was one`, async () => {
        const { collection, id, key } = await create(kind);
        expect(await office.delete(kari, collection, id)).toEqual({ existed: true });
        expect(await office.delete(kari, collection, id)).toEqual({ existed: false });
        expect(await office.get(kari, collection, id)).toBeNull();
        expect(await office.findByExternalKey(kari, collection, key)).toBeNull();
        await expect(office.update(kari, collection, id, samples[kind])).rejects.toBeInstanceOf(NotFound);
      });

      it(`shows no change of a ${kind} after a round trip, whatever a phone sent`, async () => {
        const collection = await own(kind);
        await fc.assert(
          fc.asyncProperty(arbitraryFields[kind], async (fields) => {
            const { id } = await office.create(kari, collection, fields, nextKey());
            const got = await office.get(kari, collection, id);
            expect(got?.fields).toEqual(office.normalise(kind, fields));
            expect(got?.hash).toBe(office.officeHash(kind, fields));
            await office.delete(kari, collection, id);
          }),
          { numRuns: 60 },
        );
      });

      it(`normalises a ${kind} to what normalises to itself, of owned fields only`, () => {
        fc.assert(
          fc.property(arbitraryFields[kind], (fields) => {
            const once = office.normalise(kind, fields) as Fields;
            expect(office.normalise(kind, once)).toEqual(once);
            expect(office.officeFields(kind)).toEqual(expect.arrayContaining(Object.keys(once)));
          }),
          { numRuns: 200 },
        );
      });
    }

    it('lists by id, whole, also when there is more than a page', async () => {
      const collection = await own('note', ola);
      const made: OfficeRecordId[] = [];
      for (let number = 0; number < 25; number += 1)
        made.push((await office.create(ola, collection, { subject: `${number}` }, nextKey())).id);
      const { records } = await office.list(ola, collection);
      expect(records.map(({ id }) => id)).toEqual(made);
    });

    it('holds times at whole minutes', async () => {
      const { collection, id } = await create('appointment', {
        ...samples.appointment,
        start: '2026-03-27T08:00:59.999Z',
      });
      expect((await office.get(kari, collection, id))?.fields).toMatchObject({ start: '2026-03-27T08:00:00.000Z' });
    });

    it('names the given fields it does not hold', async () => {
      const { unsupported } = await create('contact', {
        givenName: 'Åse',
        photo: '/9j/',
        otherAddress: { street: 'Annen vei 2' },
        middleName: 'Marie',
      });
      expect(unsupported).toEqual(['middleName', 'otherAddress', 'photo']);
    });

    it('does not name fields that it holds by default', async () => {
      const { unsupported } = await create('task', { subject: 'Ring', importance: 'normal', complete: false });
      expect(unsupported).toEqual([]);
    });

    it('lets a person write where that is shared and nowhere else', async () => {
      const kariCalendar = (await office.listCollections(ola)).find(({ owner }) => owner === 'kari@demo.example')!;
      const { id } = await office.create(ola, kariCalendar, samples.appointment, nextKey());
      expect((await office.get(kari, await own('appointment'), id))?.id).toBe(id);
      const olaCalendar = (await office.listCollections(kari)).find(({ owner }) => owner === 'ola@demo.example')!;
      await expect(office.create(kari, olaCalendar, samples.appointment, nextKey())).rejects.toBeInstanceOf(Refused);
    });

    it('shows to those who may know no more only when somebody is busy', async () => {
      const per = await office.open({ username: 'per@demo.example', password: 'demo' });
      const { id } = await create('appointment');
      const calendar = (await office.listCollections(per)).find(({ owner }) => owner === 'kari@demo.example')!;
      expect(calendar.access).toBe('freeBusy');
      const { start, end, timeZone, recurrence } = samples.appointment;
      expect((await office.get(per, calendar, id))?.fields).toEqual({
        start,
        end,
        timeZone,
        recurrence,
        exceptions: {
          '2026-04-03T07:00:00.000Z': { deleted: true },
          '2026-04-10T07:00:00.000Z': {
            changed: { start: '2026-04-10T09:00:00.000Z', end: '2026-04-10T10:00:00.000Z' },
          },
        },
      });
      await expect(office.delete(per, calendar, id)).rejects.toBeInstanceOf(Refused);
    });

    it('refuses an appointment that ends before it starts', async () => {
      const backwards = {
        ...samples.appointment,
        recurrence: undefined,
        exceptions: undefined,
        end: '2026-03-27T07:00:00.000Z',
      };
      await expect(create('appointment', backwards)).rejects.toBeInstanceOf(Refused);
      await expect(create('appointment', { ...samples.appointment, timeZone: 'Middle/Earth' })).rejects.toBeInstanceOf(
        Refused,
      );
      await expect(create('appointment', { ...samples.appointment, start: 'soon' })).rejects.toBeInstanceOf(Refused);
    });

    it('shows what a colleague deleted by its absence', async () => {
      const { collection, id } = await create('task');
      await tested.colleagueDeletes('kari@demo.example', 'task', id);
      expect((await office.list(kari, collection)).records.some((record) => record.id === id)).toBe(false);
    });

    it('says unavailable when it fails, and when the quota opens again', async () => {
      const collection = await own('task');
      tested.fault('unavailable');
      await expect(office.list(kari, collection)).rejects.toBeInstanceOf(Unavailable);
      tested.fault('quota');
      const blocked = await office.list(kari, collection).catch((error: unknown) => error);
      expect(blocked).toBeInstanceOf(QuotaExceeded);
      expect(Date.parse((blocked as QuotaExceeded).until)).not.toBeNaN();
    });

    it('says that the outcome is unknown when a write gets no answer, and lets it be read back', async () => {
      const collection = await own('task');
      const [lost, done] = [nextKey(), nextKey()];
      tested.fault('lost');
      await expect(office.create(kari, collection, samples.task, lost)).rejects.toBeInstanceOf(OutcomeUnknown);
      tested.fault('lostAnswer');
      await expect(office.create(kari, collection, samples.task, done)).rejects.toBeInstanceOf(OutcomeUnknown);
      tested.clearFaults();
      expect(await office.findByExternalKey(kari, collection, lost)).toBeNull();
      expect((await office.findByExternalKey(kari, collection, done))?.hash).toBe(
        office.officeHash('task', samples.task),
      );
    });

    it('does not take an external key that is too long', async () => {
      const key = 'x'.repeat(office.capabilities.externalKeyMaxLength + 1);
      await expect(create('note', samples.note, key)).rejects.toBeInstanceOf(RangeError);
    });

    it('finds people in its directory by part of their names', async () => {
      const found = await office.searchDirectory(kari, 'ola', 10);
      expect(found.map(({ fields }) => fields.email1)).toContain('ola@demo.example');
      expect(await office.searchDirectory(kari, 'ola', 0)).toEqual([]);
    });
  });
}
