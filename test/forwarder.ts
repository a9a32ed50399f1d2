/** A port on loopback that leads elsewhere: an address that moves, a line that is long, or one that is cut. */
import net from 'node:net';

/** A port on loopback, or a socket in the file system. */
type Target = number | string;

export class Forwarder {
  readonly port: number;
  /** Of what is on its way, in each direction. */
  delayMs = 0;
  /** Nothing arrives, and connections stay: a machine without power. What was swallowed once is dead for ever. */
  isSilent = false;
  #target: Target | undefined;
  readonly #server: net.Server;
  readonly #sockets = new Set<net.Socket>();

  private constructor(server: net.Server, target: Target) {
    this.#server = server;
    this.#target = target;
    this.port = (server.address() as net.AddressInfo).port;
    server.on('connection', (near) => this.#connect(near));
  }

  static async to(target: Target): Promise<Forwarder> {
    const server = net.createServer({ noDelay: true });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return new Forwarder(server, target);
  }

  /** Where new connections lead. Those there are end, as they do when an address moves to another machine. */
  pointAt(target: Target): void {
    this.cut();
    this.#target = target;
  }

  /** Ends all connections and takes no more, until it is pointed somewhere. */
  cut(): void {
    this.#target = undefined;
    for (const socket of this.#sockets) socket.destroy();
  }

  async close(): Promise<void> {
    this.cut();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #connect(near: net.Socket): void {
    if (this.#target === undefined) {
      near.destroy();
      return;
    }
    const to = typeof this.#target === 'string' ? { path: this.#target } : { port: this.#target, host: '127.0.0.1' };
    const far = net.connect({ ...to, noDelay: true });
    this.#lead(near, far);
    this.#lead(far, near);
  }

  #lead(from: net.Socket, to: net.Socket): void {
    this.#sockets.add(from);
    let isDead = false;
    from.on('data', (data) => {
      isDead ||= this.isSilent;
      if (isDead) return;
      // All wait equally long, so they stay in order.
      if (this.delayMs > 0) setTimeout(() => to.write(data), this.delayMs);
      else to.write(data);
    });
    from.on('error', () => {});
    from.on('close', () => {
      this.#sockets.delete(from);
      to.destroy();
    });
  }
}
