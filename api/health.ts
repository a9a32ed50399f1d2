import type { FastifyPluginAsync } from 'fastify';
import type { AppDeps, ReadyCheck } from './deps.ts';

const checkTimeoutMs = 3_000;

/** `/health/live`: the process answers. `/health/ready`: all it needs works; 503 with the reason otherwise. */
export const healthPlugin: FastifyPluginAsync<{ deps: Pick<AppDeps, 'ready'> }> = async (app, { deps }) => {
  let isClosing = false;
  app.addHook('preClose', async () => {
    isClosing = true;
  });

  app.get('/health/live', () => ({ status: 'ok' }));

  app.get('/health/ready', async (_request, reply) => {
    const { checks, office, isLeaving } = deps.ready;
    const names = Object.keys(checks);
    const answers = await Promise.all(names.map((name) => ask(checks[name]!)));
    const isEnding = isClosing || isLeaving?.() === true;
    const isReady = !isEnding && answers.every((answer) => answer === 'ok');
    return reply.code(isReady ? 200 : 503).send({
      status: isEnding ? 'closing' : isReady ? 'ok' : 'unavailable',
      checks: Object.fromEntries(names.map((name, index) => [name, answers[index]])),
      ...(office === undefined ? {} : { office }),
    });
  });
};

async function ask(check: ReadyCheck): Promise<string> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<string>((resolve) => {
    timer = setTimeout(() => resolve(`no answer within ${checkTimeoutMs} ms`), checkTimeoutMs);
  });
  const answer = check().then(
    () => 'ok',
    (error: unknown) => (error instanceof Error ? error.message : 'failed'),
  );
  try {
    return await Promise.race([answer, late]);
  } finally {
    clearTimeout(timer);
  }
}
