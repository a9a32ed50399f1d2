import type { FastifyReply, FastifyRequest } from 'fastify';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { deviceKeyFrom } from '../../adapters/ids.ts';
import { deviceStream } from '../../domain/account/stream.ts';
import type { DeviceCommand } from '../../domain/device/decide.ts';
import type { DeviceKey } from '../../domain/shared/ids.ts';
import type { AppDeps } from '../deps.ts';
import { fail } from '../errors.ts';
import type { PairedDevice } from '../services/devices.ts';
import type { Person } from '../services/directory.ts';
import { personOr404 } from './accounts.ts';
import { actingAdmin } from './acting.ts';
import { accountParams, deviceParams, deviceView, errorBody } from './schemas.ts';

/** @param all the devices of its person */
function viewOf({ key, pairedAt, device }: PairedDevice, all: readonly PairedDevice[]): z.infer<typeof deviceView> {
  const { deviceId, client, information, accepted, offered, blocked, watchedUntil, wipe } = device;
  const policy = accepted ?? offered;
  return {
    deviceId,
    key,
    pairedAt: pairedAt.toISOString(),
    ...client,
    information: { ...information },
    policy: policy ? { name: policy.policy, isAccepted: accepted !== undefined } : null,
    blocked,
    watchedUntil: watchedUntil ?? null,
    former: device.former ? (all.find((one) => one.key === device.former)?.device.deviceId ?? device.former) : null,
    successors: all.filter((one) => one.device.former === key).map((one) => one.device.deviceId),
    wipe: { status: wipe.kind, scope: wipe.kind === 'none' ? null : wipe.scope },
  };
}

const unknownDevice = (reply: FastifyReply, deviceId: string) =>
  fail(reply, 404, 'unknown_device', `The account has no device ${deviceId}; GET …/devices lists those it has.`);

/** The device of the person, also one that was removed since; or an answer that there never was one. */
export async function deviceEverOr404(
  { store }: Pick<AppDeps, 'store'>,
  { tenant, account }: Person,
  deviceId: string,
  reply: FastifyReply,
): Promise<DeviceKey | undefined> {
  const key = deviceKeyFrom(account.id, deviceId);
  if ((await store.load(tenant, deviceStream(key))).events.length > 0) return key;
  fail(reply, 404, 'unknown_device', `${account.email} has no device ${deviceId}, and had none.`);
  return undefined;
}

const errors = { 400: errorBody, 401: errorBody, 404: errorBody, 501: errorBody };
const tags = ['devices'];

export const deviceRoutes: FastifyPluginAsyncZod<{ deps: AppDeps }> = async (app, { deps }) => {
  const find = async (email: string, deviceId: string, reply: FastifyReply) => {
    const person = await personOr404(deps, email, reply);
    if (!person) return undefined;
    const key = deviceKeyFrom(person.account.id, deviceId);
    const all = await deps.devices.of(person);
    const paired = all.find((device) => device.key === key);
    if (!paired) unknownDevice(reply, deviceId);
    return paired && { person, paired, all };
  };
  type Asked = FastifyRequest<{ Params: z.infer<typeof deviceParams> }>;
  const administer = async (
    request: Pick<Asked, 'params' | 'headers'>,
    command: DeviceCommand,
    reply: FastifyReply,
  ) => {
    const { email, deviceId } = request.params;
    const found = await find(email, deviceId, reply);
    if (!found) return reply;
    const device = await deps.devices.administer(found.person, deviceId, command, actingAdmin(request));
    return device ? viewOf({ ...found.paired, device }, found.all) : unknownDevice(reply, deviceId);
  };

  app.get(
    '/accounts/:email/devices',
    {
      schema: {
        tags,
        summary: 'The devices of an account',
        params: accountParams,
        response: { ...errors, 200: z.object({ devices: z.array(deviceView) }) },
      },
    },
    async ({ params }, reply) => {
      const person = await personOr404(deps, params.email, reply);
      if (!person) return reply;
      const all = await deps.devices.of(person);
      return { devices: all.map((one) => viewOf(one, all)) };
    },
  );

  app.get(
    '/accounts/:email/devices/:deviceId',
    { schema: { tags, summary: 'One device', params: deviceParams, response: { ...errors, 200: deviceView } } },
    async ({ params }, reply) => {
      const found = await find(params.email, params.deviceId, reply);
      if (!found) return reply;
      const firstSyncs = await deps.support?.firstSyncs?.of(found.person, found.paired.key);
      return { ...viewOf(found.paired, found.all), ...(firstSyncs ? { firstSyncs } : {}) };
    },
  );

  const actions = [
    ['block', 'Keep the device out', () => ({ type: 'block' })],
    ['unblock', 'Let the device in again, also after a wipe', () => ({ type: 'unblock' })],
    ['cancel-wipe', 'Take back a wipe that has not happened yet', () => ({ type: 'cancelWipe' })],
  ] as const satisfies readonly (readonly [string, string, () => DeviceCommand])[];
  for (const [name, summary, command] of actions) {
    app.post(
      `/accounts/:email/devices/:deviceId/${name}`,
      { schema: { tags, summary, params: deviceParams, response: { ...errors, 200: deviceView } } },
      (request, reply) => administer(request, command(), reply),
    );
  }

  app.post(
    '/accounts/:email/devices/:deviceId/wipe',
    {
      schema: {
        tags,
        summary: 'Wipe what we gave the device (scope account; needs 16.1), or all of it (scope device)',
        params: deviceParams,
        body: z
          .strictObject({ scope: z.enum(['account', 'device']).default('account') })
          .nullish()
          .describe('Without a body the scope is account'),
        response: { ...errors, 200: deviceView },
      },
    },
    (request, reply) => administer(request, { type: 'requestWipe', scope: request.body?.scope ?? 'account' }, reply),
  );

  app.delete(
    '/accounts/:email/devices/:deviceId',
    {
      schema: {
        tags,
        summary: 'Forget the device; when it comes again it pairs as a new one',
        params: deviceParams,
        response: { ...errors, 204: z.null() },
      },
    },
    async (request, reply) => {
      const { params } = request;
      const found = await find(params.email, params.deviceId, reply);
      if (!found) return reply;
      await deps.devices.administer(found.person, params.deviceId, { type: 'remove' }, actingAdmin(request));
      return reply.code(204).send(null);
    },
  );

  app.get(
    '/accounts/:email/devices/:deviceId/conversations',
    {
      schema: {
        tags,
        summary: 'What the device and each of its folders told each other last',
        params: deviceParams,
        response: { ...errors, 200: z.object({ conversations: z.array(z.record(z.string(), z.unknown())) }) },
      },
    },
    async ({ params }, reply) => {
      const found = await find(params.email, params.deviceId, reply);
      if (!found) return reply;
      if (!deps.conversations) return fail(reply, 501, 'not_available', 'This process does not serve ActiveSync.');
      return { conversations: [...(await deps.conversations(found.person, found.paired.key))] };
    },
  );
};
