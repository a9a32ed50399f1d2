import { Temporal } from 'temporal-polyfill';
import type { Change } from './records.ts';
import type { OfficeState, OwnKind, SimulatedPerson } from './state.ts';

const timeZone = 'Europe/Oslo';

/** Days around today, as the demo's people see them. */
function calendarOf(nowMs: number) {
  const today = Temporal.Instant.fromEpochMilliseconds(nowMs).toZonedDateTimeISO(timeZone).toPlainDate();
  const monday = today.subtract({ days: today.dayOfWeek - 1 });
  const at = (day: Temporal.PlainDate, time: string) =>
    new Date(day.toZonedDateTime({ timeZone, plainTime: time }).epochMilliseconds).toISOString();
  return { today, monday, day: (days: number) => today.add({ days }).toString(), at };
}

const companies: readonly Change[] = [
  {
    name: 'Fjordfisk AS',
    organizationNumber: '987654321',
    email: 'post@fjordfisk.example',
    phone: '+47 55 00 10 10',
    street: 'Bryggen 4',
    postalCode: '5003',
    city: 'Bergen',
    country: 'NO',
  },
  {
    name: 'Ålesund Båtbyggeri',
    organizationNumber: '912345678',
    email: 'kontor@baatbyggeri.example',
    invoiceEmail: 'faktura@baatbyggeri.example',
    phone: '+47 70 00 20 20',
    street: 'Skansegata 12',
    postalCode: '6002',
    city: 'Ålesund',
    country: 'NO',
  },
  {
    name: 'Øst Regnskap AS',
    organizationNumber: '923456781',
    email: 'hei@ostregnskap.example',
    phone: '+47 22 00 30 30',
    street: 'Karl Johans gate 1',
    postalCode: '0154',
    city: 'Oslo',
    country: 'NO',
  },
];

const kariContacts: readonly Change[] = [
  {
    firstName: 'Bjørn',
    lastName: 'Ærlig',
    email: 'bjorn@fjordfisk.example',
    mobile: '+47 900 00 001',
    phone: '+47 55 00 10 11',
    company: 'Fjordfisk AS',
    position: 'Daglig leder',
  },
  {
    firstName: 'Åse',
    lastName: 'Østby',
    email: 'ase@ostregnskap.example',
    mobile: '+47 900 00 002',
    company: 'Øst Regnskap AS',
    birthday: '1979-05-17',
    street: 'Parkveien 7',
    postalCode: '0350',
    city: 'Oslo',
    country: 'Norge',
  },
  {
    firstName: 'Håkon',
    lastName: 'Sæther',
    email: 'hakon@baatbyggeri.example',
    mobile: '+47 900 00 003',
    company: 'Ålesund Båtbyggeri',
    note: 'Ringes helst før lunsj.',
  },
  { firstName: 'Ola', lastName: 'Nordmann', email: 'ola@demo.example', mobile: '+47 900 00 004', company: 'Demo AS' },
];

const olaContacts: readonly Change[] = [
  { firstName: 'Kari', lastName: 'Nordmann', email: 'kari@demo.example', mobile: '+47 900 00 005', company: 'Demo AS' },
  {
    firstName: 'Sølvi',
    lastName: 'Grønås',
    email: 'solvi@fjordfisk.example',
    mobile: '+47 900 00 006',
    privatePhone: '+47 55 00 10 12',
    company: 'Fjordfisk AS',
    position: 'Innkjøp',
  },
  {
    firstName: 'Pål',
    lastName: 'Kjær',
    homeEmail: 'pal@privat.example',
    mobile: '+47 900 00 007',
    secondMobile: '+47 900 00 008',
    birthday: '1985-12-01',
  },
];

/** Fills an office without people with the two of the demo, around today. */
export function seedDemo(state: OfficeState, nowMs: number): void {
  const kari = state.addPerson({
    email: 'kari@demo.example',
    password: 'demo',
    displayName: 'Kari Nordmann',
    timeZone,
  });
  const ola = state.addPerson({ email: 'ola@demo.example', password: 'demo', displayName: 'Ola Nordmann', timeZone });
  state.share(kari.email, ola.email, 'readWrite');
  state.share(ola.email, kari.email, 'read');
  const client = state.client(1, 'Demo AS');
  for (const company of companies) state.saveCompany(client, undefined, { ...company, active: true });
  const crm = (FirstName: string, LastName: string, email: string, company: string) => {
    const id = state.nextId();
    const EmailAddresses = { EmailAddress: [{ Type: 'Primary', Value: email }] };
    const item = { FirstName, LastName, Workplace: company, EmailAddresses };
    client.persons.set(id, {
      id,
      createdBy: kari.email,
      isPrivate: false,
      isEmployee: false,
      changedAt: state.now(),
      item,
    });
  };
  crm('Bjørn', 'Ærlig', 'bjorn@fjordfisk.example', 'Fjordfisk AS');
  crm('Åse', 'Østby', 'ase@ostregnskap.example', 'Øst Regnskap AS');
  seedKari(state, kari, ola, nowMs);
  seedOla(state, ola, kari, nowMs);
  state.officeChanged();
}

const adder = (state: OfficeState, person: SimulatedPerson) => (kind: OwnKind, change: Change) => {
  const clientId = person.identities[0]!.clientId;
  state.save(person, clientId, kind, undefined, kind === 'appointments' ? { timeZone, ...change } : change);
};

function seedKari(state: OfficeState, kari: SimulatedPerson, ola: SimulatedPerson, nowMs: number): void {
  const add = adder(state, kari);
  const { today, monday, day, at } = calendarOf(nowMs);
  const organizer = { email: kari.email, name: kari.displayName };
  for (const contact of kariContacts) add('contacts', contact);
  add('appointments', {
    title: 'Ukemøte',
    location: 'Møterom Fjord',
    start: at(monday, '09:00'),
    end: at(monday, '09:30'),
    reminder: at(monday, '08:45'),
    recurrence: { frequency: 'weekly', byDay: ['MO'] },
    exceptions: [
      {
        originalStart: at(monday.add({ weeks: 1 }), '09:00'),
        title: 'Ukemøte (flyttet)',
        start: at(monday.add({ weeks: 1 }), '13:00'),
        end: at(monday.add({ weeks: 1 }), '13:30'),
      },
      { originalStart: at(monday.add({ weeks: 3 }), '09:00'), deleted: true },
    ],
  });
  add('appointments', {
    title: 'Messe i Ålesund',
    location: 'Ålesund',
    allDay: true,
    start: day(3),
    end: day(5),
    busy: true,
  });
  add('appointments', {
    title: 'Tannlege',
    private: true,
    start: at(today.add({ days: 1 }), '08:00'),
    end: at(today.add({ days: 1 }), '08:45'),
  });
  add('appointments', {
    title: 'Befaring hos Fjordfisk',
    location: 'Bryggen 4, Bergen',
    description: 'Ta med målebånd og tegningene.\nParkering bak huset.',
    start: at(today, '12:00'),
    end: at(today, '13:30'),
    reminder: at(today, '11:30'),
    category: 'Kunde',
    organizer,
    participants: [
      { email: ola.email, name: ola.displayName, status: 'accepted' },
      { email: 'bjorn@fjordfisk.example', name: 'Bjørn Ærlig', status: 'unseen' },
    ],
  });
  add('tasks', {
    title: 'Send tilbud til Fjordfisk',
    start: day(0),
    end: day(2),
    priority: 2,
    percent: 20,
    reminder: at(today.add({ days: 1 }), '09:00'),
  });
  add('tasks', { title: 'Føre timer for forrige uke', start: day(-5), end: day(-1), percent: 0, priority: 1 });
  add('tasks', { title: 'Bestille ny telefon', end: day(-3), percent: 100, priority: 0 });
  add('notes', { subject: 'Kode til lageret', text: 'Døra på baksiden.\nSpør Ola om nøkkel.' });
}

function seedOla(state: OfficeState, ola: SimulatedPerson, kari: SimulatedPerson, nowMs: number): void {
  const add = adder(state, ola);
  const { today, monday, day, at } = calendarOf(nowMs);
  const friday = monday.add({ days: 4 });
  for (const contact of olaContacts) add('contacts', contact);
  add('appointments', {
    title: 'Fredagslunsj',
    location: 'Kantina',
    start: at(friday, '11:30'),
    end: at(friday, '12:00'),
    busy: false,
    recurrence: { frequency: 'weekly', byDay: ['FR'], count: 20 },
    exceptions: [{ originalStart: at(friday.add({ weeks: 2 }), '11:30'), location: 'Ute på bryggen' }],
  });
  add('appointments', { title: 'Ferie', allDay: true, start: day(14), end: day(21) });
  add('appointments', {
    title: 'Lønnssamtale',
    private: true,
    start: at(today.add({ days: 2 }), '14:00'),
    end: at(today.add({ days: 2 }), '15:00'),
  });
  add('appointments', {
    title: 'Gjennomgang av båtprosjektet',
    location: 'Teams',
    start: at(today.add({ days: 1 }), '10:00'),
    end: at(today.add({ days: 1 }), '11:00'),
    organizer: { email: ola.email, name: ola.displayName },
    category: 'Prosjekt',
    participants: [{ email: kari.email, name: kari.displayName, status: 'deferred' }],
  });
  add('tasks', { title: 'Rydde på lageret', start: day(0), end: day(7), percent: 50, priority: 1 });
  add('tasks', { title: 'Betale årsavgift', end: day(-2), percent: 0, priority: 2 });
  add('tasks', { title: 'Hente bilen på verksted', end: day(-6), percent: 100, priority: 1 });
  add('notes', { subject: 'Handleliste til kontoret', text: 'Kaffe\nSkriverpapir\nBlåbærsyltetøy' });
}
