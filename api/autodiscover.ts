/**
 * `/Autodiscover/Autodiscover.xml`: tells a phone that knows an address and a password where ActiveSync is
 * (MS-ASCMD 2.2.1.1). Only the mobilesync schema is answered, and only for people who signed in.
 */
import { XMLBuilder, XMLParser, XMLValidator } from 'fast-xml-parser';
import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify';
import { normalizeLogin } from '../domain/account/login.ts';
import type { Account } from '../domain/account/state.ts';
import { challenge } from './challenge.ts';
import type { AppDeps } from './deps.ts';

const framework = 'http://schemas.microsoft.com/exchange/autodiscover/responseschema/2006';
const mobilesync = 'http://schemas.microsoft.com/exchange/autodiscover/mobilesync/responseschema/2006';
const bodyLimitBytes = 16_384;

// Entities of a document type are not expanded: nothing in such a request needs them.
const parser = new XMLParser({
  removeNSPrefix: true,
  ignoreAttributes: true,
  parseTagValue: false,
  processEntities: false,
});
const builder = new XMLBuilder({ ignoreAttributes: false, attributeNamePrefix: '@', suppressEmptyNode: true });

interface Question {
  readonly email: string;
  readonly schema: string;
}

export const autodiscoverPlugin: FastifyPluginAsync<{ deps: Pick<AppDeps, 'signIn'> }> = async (app, { deps }) => {
  // Phones send text/xml, application/xml or nothing at all; it is XML in each case.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'string', bodyLimit: bodyLimitBytes }, (_request, body, done) =>
    done(null, body),
  );

  app.route({
    method: ['GET', 'POST'],
    url: '/Autodiscover/Autodiscover.xml',
    handler: async (request, reply) => {
      const outcome = await deps.signIn.signIn(request.headers.authorization, request.ip);
      if (outcome.kind !== 'signedIn') return challenge(reply, outcome);
      const question = typeof request.body === 'string' ? parse(request.body) : undefined;
      return send(reply, answer(question, outcome.person.account, serverUrl(request)));
    },
  });
};

/** Undefined for what is no Autodiscover request. */
function parse(xml: string): Question | undefined {
  if (XMLValidator.validate(xml) !== true) return undefined;
  const request = (parser.parse(xml) as { Autodiscover?: { Request?: Record<string, unknown> } })?.Autodiscover
    ?.Request;
  const email = request?.EMailAddress;
  const schema = request?.AcceptableResponseSchema;
  return typeof email === 'string' && typeof schema === 'string'
    ? { email: email.trim(), schema: schema.trim() }
    : undefined;
}

/** As the client reached us: behind a proxy by what the proxy says, which is believed on this machine only. */
function serverUrl(request: FastifyRequest): string {
  return `${request.protocol}://${request.host}/Microsoft-Server-ActiveSync`;
}

function answer(question: Question | undefined, account: Account, url: string): object {
  if (!question) return frameworkError(600, 'Invalid Request');
  if (question.schema !== mobilesync) return frameworkError(601, 'Provider is not available');
  const asked = normalizeLogin(question.email);
  const user = { DisplayName: account.displayName ?? account.email, EMailAddress: account.email };
  if (asked !== account.email && !account.aliases.includes(asked)) {
    const error = { Status: 2, Message: 'The address is not that of the person who signed in', DebugData: 'User' };
    return response({ Culture: 'en:us', User: { EMailAddress: question.email }, Action: { Error: error } });
  }
  const server = { Type: 'MobileSync', Url: url, Name: url };
  return response({ Culture: 'en:us', User: user, Action: { Settings: { Server: server } } });
}

const response = (content: object) => ({
  Autodiscover: { '@xmlns': framework, Response: { '@xmlns': mobilesync, ...content } },
});

/** 600: not a valid request. 601: nobody answers in the schema asked for (MS-ASCMD 2.2.3.64). */
const frameworkError = (code: 600 | 601, message: string) => ({
  Autodiscover: {
    '@xmlns': framework,
    Response: { Error: { ErrorCode: code, Message: message, DebugData: '' } },
  },
});

function send(reply: FastifyReply, document: object): FastifyReply {
  return reply.type('text/xml; charset=utf-8').send(`<?xml version="1.0" encoding="utf-8"?>${builder.build(document)}`);
}
