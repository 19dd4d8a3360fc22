import { Client, type ClientOptions } from "../../src/client/client.ts";
import { Server } from "../../src/server/server.ts";
import type { ServerClient } from "../../src/server/server-client.ts";
import { memoryPair } from "../../src/transport/memory.ts";
import type { Transport } from "../../src/transport/transport.ts";
import { ConnectionError } from "../../src/util/connection-error.ts";
import { Echo, EchoTick } from "./echo.ts";

/** A server in memory that dies and comes back as a test wants it. */
export class Host {
  /** Connections asked for so far. */
  asked = 0;
  /** What `say` was called with so far. */
  readonly said: string[] = [];
  /** Set to have connections refused with it. */
  refusal: Error | undefined;
  /** How clients are made. */
  options: ClientOptions = {};
  readonly #far = new Set<Transport>();
  readonly #watching = new Set<ServerClient>();
  readonly #server = new Server({ name: "host" }).add(Echo, {
    say: ({ text, repeat }) => {
      this.said.push(text);
      return { lines: Array<string>(repeat).fill(text) };
    },
    wait: ({ text }) => {
      this.said.push(text);
      return new Promise(() => {}); // for ever, as nothing but the end of the connection ends it
    },
    watch: (_, { client }) => {
      this.#watching.add(client);
      client.signal.addEventListener("abort", () => this.#watching.delete(client), { once: true });
    },
  });

  /** Bound, so that it can be a session's `connect`. */
  readonly connect = async (signal?: AbortSignal): Promise<Client> => {
    signal?.throwIfAborted();
    this.asked++;
    if (this.refusal !== undefined) throw this.refusal;
    const [near, far] = memoryPair();
    this.#far.add(far);
    this.#server.accept(far);
    return new Client(near, this.options);
  };

  /** Connections that the server has. */
  get clients(): number {
    return [...this.#server.clients].length;
  }

  /** An event for all who have called `watch`. */
  tick(count: bigint): void {
    for (const client of this.#watching) client.emit(EchoTick, { count });
  }

  /** Every connection breaks; new ones are taken. */
  drop(): void {
    for (const far of this.#far) far.destroy(new ConnectionError("the host dropped it", "closed"));
    this.#far.clear();
  }

  /** Every connection breaks, and no new one is taken until `back`. */
  die(): void {
    this.refusal = new ConnectionError("nobody listens there", "error");
    this.drop();
  }

  back(): void {
    this.refusal = undefined;
  }
}
