/** Phones of the tests that speak to a real server, and are put away together. */
import { EasClient } from './eas-client/client.ts';
import { Phone } from './eas-client/phone.ts';
import { newState } from './eas-client/state.ts';
import { Transport } from './eas-client/transport.ts';

export class Phones {
  readonly #transports: Transport[] = [];

  /** Not set up yet. @param state of a phone that was there before. */
  of(url: string, user: string, deviceId: string, state = newState({ url, user, deviceId, version: 141 })): Phone {
    const transport = new Transport({ url });
    this.#transports.push(transport);
    const client = new EasClient({ transport, user, password: 'demo', deviceId });
    return new Phone({ client, state });
  }

  async close(): Promise<void> {
    await Promise.all(this.#transports.splice(0).map((transport) => transport.close()));
  }
}
