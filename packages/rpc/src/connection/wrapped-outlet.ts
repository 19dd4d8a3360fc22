import type { SecurityLayer } from "../sasl/security-layer.ts";
import { joined } from "../util/joined.ts";
import { nothing } from "../util/nothing.ts";
import type { Outlet } from "./send-queue.ts";

/**
 * Sends through a security layer: cuts what comes into texts that it takes; the last of their frames calls `done`. Should
 * wrapping fail, `failed` is told, and nothing of that text is sent.
 */
export function wrappedOutlet(layer: SecurityLayer, outlet: Outlet, failed: (error: unknown) => void): Outlet {
  const largest = layer.maxPlain;
  const send = (bytes: Uint8Array, done: () => void): void => {
    let at = 0;
    for (; bytes.length - at > largest; at += largest)
      outlet.write(layer.wrap(bytes.subarray(at, at + largest)), nothing);
    outlet.write(layer.wrap(bytes.subarray(at)), done);
  };
  const guarded = (run: () => void, done: () => void): void => {
    try {
      run();
    } catch (error) {
      queueMicrotask(done);
      failed(error);
    }
  };
  return {
    write: (bytes, done) => guarded(() => send(bytes, done), done),
    writePair(head, body, done) {
      // A small head shares a frame with the beginning of the body: one frame less for every packet of a stream.
      const shared = head.length < largest ? body.subarray(0, largest - head.length) : body.subarray(0, 0);
      guarded(() => {
        const rest = body.subarray(shared.length);
        send(joined(head, shared), rest.length === 0 ? done : nothing);
        if (rest.length > 0) send(rest, done);
      }, done);
    },
  };
}
