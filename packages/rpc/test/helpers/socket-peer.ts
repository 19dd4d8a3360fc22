import type { Transport } from "../../src/transport/transport.ts";
import type { ConnectionError } from "../../src/util/connection-error.ts";
import { concat } from "./bytes.ts";
import { until } from "./turns.ts";

/** What a transport has told its owner. */
export class Heard {
  bytes: Uint8Array = new Uint8Array(0);
  ended = false;
  closed: ConnectionError | undefined;
  readonly order: string[] = [];

  constructor(transport: Transport) {
    transport.start({
      receive: (chunk) => {
        this.bytes = concat(this.bytes, chunk);
        if (this.order.at(-1) !== "bytes") this.order.push("bytes");
      },
      ended: () => {
        this.ended = true;
        this.order.push("ended");
      },
      closed: (error) => {
        this.closed = error;
        this.order.push("closed");
      },
    });
  }

  get text(): string {
    return new TextDecoder().decode(this.bytes);
  }

  async whenClosed(): Promise<ConnectionError> {
    await until(() => this.closed !== undefined);
    return this.closed as ConnectionError;
  }
}

export const text = (value: string): Uint8Array => new TextEncoder().encode(value);

/** Writes, and resolves when the transport is done with the bytes. */
export const written = (transport: Transport, bytes: Uint8Array): Promise<void> =>
  new Promise((fulfil) => {
    transport.write(bytes, fulfil);
  });

/** Starts a transport whose news are of no interest. */
export const hear = (transport: Transport): Heard => new Heard(transport);
