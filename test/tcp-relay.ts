/** A way to a server on loopback that can be slow, say nothing, or break: a bad network, as far as TCP shows it. */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

export class TcpRelay {
  readonly port: number;
  /** How long what is under way takes, each way, in milliseconds. */
  delayMs = 0;
  readonly #server: ReturnType<typeof createServer>;
  readonly #sockets = new Set<Socket>();
  #held: (() => void)[] | undefined;
  #isHoldingAnswersOnly = false;

  private constructor(server: ReturnType<typeof createServer>, port: number) {
    this.#server = server;
    this.port = port;
  }

  static async start(target: number): Promise<TcpRelay> {
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const relay = new TcpRelay(server, (server.address() as AddressInfo).port);
    server.on('connection', (near) => {
      const far = connect(target, '127.0.0.1');
      relay.#pass(near, far, false);
      relay.#pass(far, near, true);
    });
    return relay;
  }

  /** Nothing comes through any more, or no answer does; connections stay. */
  hold(what: 'everything' | 'answers'): void {
    this.#held ??= [];
    this.#isHoldingAnswersOnly = what === 'answers';
  }

  /** What was held arrives, and what follows. */
  release(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const go of held) go();
  }

  /** Every connection ends, and what was held is lost. */
  cut(): void {
    this.#held = undefined;
    for (const socket of this.#sockets) socket.destroy();
  }

  async close(): Promise<void> {
    this.#server.close();
    this.cut();
    await once(this.#server, 'close');
  }

  #pass(from: Socket, to: Socket, isAnswer: boolean): void {
    this.#sockets.add(from);
    from.setNoDelay(true);
    from.on('data', (chunk) => {
      const go = () => void (to.writable && to.write(chunk));
      if (this.#held && (isAnswer || !this.#isHoldingAnswersOnly)) this.#held.push(go);
      else if (this.delayMs > 0) setTimeout(go, this.delayMs);
      else go();
    });
    from.on('error', () => {});
    from.on('close', () => {
      this.#sockets.delete(from);
      to.destroy();
    });
  }
}
