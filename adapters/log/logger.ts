/** Structured logs on standard error, so that standard output holds nothing but the lines meant for scripts. */
import { type DestinationStream, destination, type Logger, pino } from 'pino';

export type { Logger } from 'pino';

export const logLevels = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;
export type LogLevel = (typeof logLevels)[number];

/**
 * No header and no body of a request is ever logged, and the name in its query neither. `redact` is the second line:
 * it catches secrets in whatever object someone logs by mistake.
 */
export function createLogger(level: LogLevel, stream: DestinationStream = destination(2)): Logger {
  return pino(
    {
      level,
      base: undefined,
      timestamp: pino.stdTimeFunctions.isoTime,
      redact: {
        // A database's errors quote the row they speak of.
        paths: [
          'err.detail',
          'err.where',
          'err.parameters',
          'password',
          '*.password',
          'authorization',
          '*.authorization',
          'passwordHash',
          '*.passwordHash',
        ],
        censor: '…',
      },
      serializers: {
        req: (request: { method: string; url: string; ip?: string }) => ({
          method: request.method,
          url: redactUrl(request.url),
          remote: request.ip,
        }),
        res: (reply: { statusCode: number }) => ({ status: reply.statusCode }),
        err: pino.stdSerializers.err,
      },
    },
    stream,
  );
}

/** The request line without the person: `User=` in the query and addresses in the path are left out. */
export function redactUrl(url: string): string {
  return url.replace(/([?&](?:user|person|by|text)=)[^&]*/gi, '$1…').replace(/(\/accounts\/)[^/?]+/i, '$1…');
}
