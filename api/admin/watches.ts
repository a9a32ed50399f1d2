/** Devices under watch: everything they ask and are answered is kept for a while. */
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { AppDeps } from '../deps.ts';
import { fail } from '../errors.ts';
import { personOr404 } from './accounts.ts';
import { actingAdmin } from './acting.ts';
import { deviceParams, errorBody } from './schemas.ts';

const errors = { 400: errorBody, 401: errorBody, 404: errorBody, 501: errorBody };
const tags = ['exchanges'];
const aWeek = 7 * 24 * 60;
const body = z
  .strictObject({ minutes: z.number().int().min(1).max(aWeek).default(120) })
  .nullish()
  .describe('Two hours unless told, a week at most');
const watchOfAll = z.object({ until: z.string(), by: z.string().nullable() }).nullable();
const watchedDevice = z.object({
  email: z.string().nullable(),
  deviceId: z.string(),
  device: z.string(),
  until: z.string(),
});
const minuteMs = 60_000;
const notHere = 'This process does not serve ActiveSync.';

export const watchRoutes: FastifyPluginAsyncZod<{ deps: AppDeps }> = async (app, { deps }) => {
  app.get(
    '/watches',
    {
      schema: {
        tags,
        summary: 'Devices under watch, and whether all are',
        response: { ...errors, 200: z.object({ devices: z.array(watchedDevice), all: watchOfAll }) },
      },
    },
    async (_request, reply) => {
      const watches = deps.support?.watches;
      return watches ? await watches.list() : fail(reply, 501, 'not_available', notHere);
    },
  );

  for (const method of ['POST', 'DELETE'] as const) {
    const isOn = method === 'POST';
    app.route({
      method,
      url: '/accounts/:email/devices/:deviceId/watch',
      schema: {
        tags,
        summary: isOn ? 'Keep everything the device asks and is answered' : 'Keep no more than of other devices',
        params: deviceParams,
        ...(isOn ? { body } : {}),
        response: { ...errors, 200: z.object({ deviceId: z.string(), watchedUntil: z.string().nullable() }) },
      },
      handler: async (request, reply) => {
        const { params } = request;
        const watches = deps.support?.watches;
        if (!watches) return fail(reply, 501, 'not_available', notHere);
        const person = await personOr404(deps, params.email, reply);
        if (!person) return reply;
        const minutes = (request.body as z.infer<typeof body>)?.minutes ?? 120;
        const forMs = isOn ? minutes * minuteMs : undefined;
        const device = await watches.watch(person, params.deviceId, forMs, actingAdmin(request));
        if (!device) {
          const sentence = `The account has no device ${params.deviceId}; GET …/devices lists those it has.`;
          return fail(reply, 404, 'unknown_device', sentence);
        }
        return { deviceId: device.deviceId, watchedUntil: device.watchedUntil ?? null };
      },
    });

    app.route({
      method,
      url: '/watches/all',
      schema: {
        tags,
        summary: isOn
          ? 'Keep everything of every device, for a check before an upgrade; costs disk'
          : 'Keep no more than ordinary',
        ...(isOn ? { body } : {}),
        response: { ...errors, 200: z.object({ all: watchOfAll }) },
      },
      handler: async (request, reply) => {
        const watches = deps.support?.watches;
        if (!watches) return fail(reply, 501, 'not_available', notHere);
        const minutes = (request.body as z.infer<typeof body>)?.minutes ?? 120;
        const by = actingAdmin(request).name ?? null;
        return { all: await watches.watchAll(isOn ? minutes * minuteMs : undefined, by) };
      },
    });
  }
};
