import { child, text, type XmlElement } from '../xml.ts';
import { Fault, type Operation, signedIn, unableToProcess } from './call.ts';
import type { Sessions } from './sessions.ts';
import type { SimulatedIdentity, SimulatedPerson } from './state.ts';

const blocked = () => new Fault(unableToProcess('', 'The provided IdentityId is blocked'));

function identityElement(person: SimulatedPerson, identity: SimulatedIdentity, clientId: number): XmlElement {
  return {
    Id: identity.id,
    User: {
      ContactId: String(person.contactId),
      Id: identity.id,
      Name: person.displayName,
      EmployeeId: String(person.contactId),
    },
    Client: { Id: String(identity.clientId), Name: identity.clientName },
    IsCurrent: String(identity.clientId === clientId),
    IsDefault: String(identity.isDefault),
    IsProtected: 'false',
    Servers: { Server: [{ Id: '1', Type: '1' }] },
    IsDisabled: String(identity.blocked),
  };
}

/** The Authenticate service (facts 1a): a wrong password is an empty result, not a fault. */
export function authenticateOperations(sessions: Sessions): Readonly<Record<string, Operation>> {
  return {
    Login({ state, request }) {
      const credential = child(request, 'credential');
      const person = state.people.get(text(credential, 'Username')?.toLowerCase() ?? '');
      if (person === undefined || person.password !== text(credential, 'Password')) return undefined;
      const wanted = text(credential, 'IdentityId');
      const identity =
        wanted === undefined || /^[0-]+$/.test(wanted)
          ? person.identities.find(({ isDefault }) => isDefault)
          : person.identities.find(({ id }) => id === wanted.toLowerCase());
      if (identity === undefined) return undefined;
      if (identity.blocked) throw blocked();
      return sessions.open(person, identity.clientId).id;
    },
    HasSession: ({ session }) => String(session !== undefined),
    GetIdentity(call) {
      const { person, clientId } = signedIn(call);
      const identity = person.identities.find((each) => each.clientId === clientId);
      return identity === undefined ? undefined : identityElement(person, identity, clientId);
    },
    GetIdentities(call) {
      const { person, clientId } = signedIn(call);
      return { Identity: person.identities.map((identity) => identityElement(person, identity, clientId)) };
    },
    SetIdentityById(call) {
      const { person } = signedIn(call);
      const wanted = text(call.request, 'identityId')?.toLowerCase();
      const identity = person.identities.find(({ id }) => id === wanted);
      if (identity === undefined) return 'false';
      if (identity.blocked) throw blocked();
      sessions.select(call.session!.id, identity.clientId);
      return 'true';
    },
  };
}
