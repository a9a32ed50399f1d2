import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { faultRequest, type Mischief } from './mischief.ts';
import { type AnyRecord, Invalid, type ScreenKind, screenKinds } from './records.ts';
import { complete, screenInput } from './screen-input.ts';
import type { Client, OfficeState, SimulatedPerson } from './state.ts';

export interface ScreenOptions {
  readonly state: OfficeState;
  readonly mischief: Mischief;
  readonly nowMs: () => number;
}

const recordPath = z.object({ email: z.string(), kind: z.enum(screenKinds), id: z.string().optional() });
const content = z.record(z.string(), z.unknown());

/** Why a `_screen` request is not done. */
class Answer extends Error {
  override readonly name = 'Answer';
  readonly status: number;
  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

const shown = ({ id, ...record }: AnyRecord) => ({ id: String(id), ...record });

interface Desk {
  readonly person: SimulatedPerson;
  readonly kind: ScreenKind;
  readonly id: number | undefined;
  readonly clientId: number;
  readonly client: Client;
  readonly records: Map<number, AnyRecord>;
}

/**
 * The JSON side door: a colleague at the office's own screens, at the person's default tenant. Values as in
 * `records.ts`; POST fills in what is left out, PATCH merges, null clears.
 */
export function mountScreen(app: FastifyInstance, { state, mischief, nowMs }: ScreenOptions): void {
  app.setErrorHandler((error, _request, reply) => {
    if (error instanceof Answer) return reply.code(error.status).send({ error: error.message });
    if (error instanceof Invalid || error instanceof z.ZodError || error instanceof RangeError) {
      const message = error instanceof z.ZodError ? z.prettifyError(error) : error.message;
      return reply.code(400).send({ error: message });
    }
    throw error;
  });

  function desk(params: unknown): Desk {
    const parsed = recordPath.safeParse(params);
    if (!parsed.success) throw new Answer(404, `There are ${screenKinds.join(', ')}`);
    const { email, kind, id } = parsed.data;
    const person = state.people.get(email.toLowerCase());
    const identity = person?.identities.find(({ isDefault }) => isDefault);
    const client = identity === undefined ? undefined : state.clients.get(identity.clientId);
    if (person === undefined || client === undefined) throw new Answer(404, `There is no ${email}`);
    const records = kind === 'companies' ? client.companies : state.box(person.email, client.id)[kind];
    const number = id === undefined ? undefined : Number(id);
    if (number !== undefined && !records.has(number)) throw new Answer(404, `There is no ${kind} ${id}`);
    return { person, kind, id: number, clientId: client.id, client, records: records as Map<number, AnyRecord> };
  }

  async function save({ person, kind, id, clientId, client, records }: Desk, body: unknown) {
    const { change, ignored } = screenInput(kind, content.parse(body ?? {}));
    const before = id === undefined ? undefined : records.get(id);
    const whole = complete(kind, change, before, nowMs(), person.timeZone);
    const record =
      kind === 'companies' ? state.saveCompany(client, id, whole) : state.save(person, clientId, kind, id, whole);
    await state.flush();
    return { record, ignored: ignored.length === 0 ? undefined : ignored };
  }

  app.get('/_screen/_faults', async () => mischief.list());
  app.post('/_screen/_faults', async (request) => {
    mischief.add(faultRequest.parse(request.body));
    return mischief.list();
  });
  app.delete('/_screen/_faults', async (_request, reply) => {
    mischief.clear();
    return reply.code(204).send();
  });

  app.get('/_screen/:email/:kind', async (request) => [...desk(request.params).records.values()].map(shown));
  app.get('/_screen/:email/:kind/:id', async (request) => {
    const { records, id } = desk(request.params);
    return shown(records.get(id!)!);
  });
  app.post('/_screen/:email/:kind', async (request, reply) => {
    const { record, ignored } = await save(desk(request.params), request.body);
    return reply.code(201).send({ id: String(record.id), ignored });
  });
  app.patch('/_screen/:email/:kind/:id', async (request) => {
    const { record, ignored } = await save(desk(request.params), request.body);
    return { ...shown(record), ignored };
  });
  app.delete('/_screen/:email/:kind/:id', async (request, reply) => {
    const { person, kind, id, clientId, records } = desk(request.params);
    if (kind === 'companies') {
      records.delete(id!);
      state.officeChanged();
    } else state.remove(person, clientId, kind, id!);
    await state.flush();
    return reply.code(204).send();
  });
}
