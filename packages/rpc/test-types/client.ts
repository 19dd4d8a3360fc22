/*
 * What the compiler must accept and refuse of a client's calls and events. Nothing here runs.
 */
import type { Client } from "../src/client/client.ts";
import { connect } from "../src/connect.ts";
import type { Transport } from "../src/transport/transport.ts";
import { Echo, type EchoSayRet, EchoTick } from "../test/helpers/echo.ts";

declare const client: Client;
declare const transport: Transport;
const { signal } = new AbortController();
const echo = client.program(Echo);

// Arguments and results are the procedure's.
const said: Promise<EchoSayRet> = echo.say({ text: "hello", repeat: 3 });
void said;
void echo.say({ text: "hello", repeat: 3 }, { signal });
void echo.watch();
void echo.watch(undefined, { signal });
void (echo.watch() satisfies Promise<void>);

// @ts-expect-error -- no such procedure
void echo.sya;
// @ts-expect-error -- say has arguments
void echo.say();
// @ts-expect-error -- nothing is no argument
void echo.say(undefined);
// @ts-expect-error -- repeat is missing
void echo.say({ text: "" });
// @ts-expect-error -- repeat is a number
void echo.say({ text: "", repeat: "3" });
// @ts-expect-error -- there is no such argument
void echo.say({ text: "", repeat: 1, loud: true });
// @ts-expect-error -- watch has no arguments
void echo.watch({});
// @ts-expect-error -- options come second
void echo.watch({ signal });
// @ts-expect-error -- there is no such option
void echo.say({ text: "", repeat: 1 }, { timeout: 5 });
// @ts-expect-error -- the result is no string
void echo.say({ text: "", repeat: 1 }).then((ret: string) => ret);
// @ts-expect-error -- methods are not to be replaced
echo.say = () => Promise.resolve({ lines: [] });

// Events have the type's payload.
const ticks = client.events(EchoTick, { limit: 5, overflow: "dropOldest", signal });
export async function count(): Promise<bigint> {
  await using stream = client.events(EchoTick);
  for await (const { count: n } of stream) {
    n satisfies bigint;
    // @ts-expect-error -- count is a bigint
    n satisfies number;
    // @ts-expect-error -- a bigint is not multiplied with a number
    if (n * 2 === 4n) break;
  }
  return BigInt(ticks.dropped);
}
// @ts-expect-error -- no such policy
client.events(EchoTick, { overflow: "dropNewest" });
// @ts-expect-error -- a procedure is no event
client.events(Echo.procedures.say);

// Addresses are plain data.
void connect({ path: "/run/echo.sock" });
void connect({ host: "kvm1", port: 16_509 }, { signal });
void connect({ port: 16_509 });
void connect({ fd: 3 });
void connect({ transport });
// @ts-expect-error -- a host needs a port
void connect({ host: "kvm1" });
// @ts-expect-error -- a port is a number
void connect({ port: "16509" });
// @ts-expect-error -- an address is no string
void connect("/run/echo.sock");
// @ts-expect-error -- there is no such limit
void connect({ fd: 3 }, { limits: { frames: 5 } });
