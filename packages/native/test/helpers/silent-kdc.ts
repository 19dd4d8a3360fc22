import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { join } from "node:path";

/** A KDC that takes connections and never says anything. */
export interface SilentKdc extends AsyncDisposable {
  /** What makes a Kerberos client of a process ask this KDC for its ticket, first thing. */
  readonly env: Readonly<Record<string, string>>;
  /** Resolves when somebody has connected and asked. */
  readonly reached: Promise<unknown>;
  /** From now on nobody is made to wait. */
  hangUp(): void;
}

/** Writes its krb5.conf to `file`. */
export async function silentKdc(file: string): Promise<SilentKdc> {
  const sockets = new Set<Socket>();
  let isOver = false;
  const server = createServer((socket) => {
    if (isOver) socket.destroy();
    sockets.add(socket.on("error", () => {}).on("data", () => server.emit("asked")));
  });
  const reached = once(server, "asked");
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  await writeFile(file, configurationFor((server.address() as AddressInfo).port)); // it listens on TCP
  const hangUp = (): void => {
    isOver = true;
    for (const socket of sockets) socket.destroy();
  };
  return {
    env: {
      KRB5_CONFIG: file,
      KRB5_CLIENT_KTNAME: join(import.meta.dirname, "../../../../interop/testbed/captures/gssapi.keytab"),
      KRB5CCNAME: "MEMORY:none",
    },
    reached,
    hangUp,
    [Symbol.asyncDispose]: async () => {
      hangUp();
      server.close();
      await once(server, "close");
    },
  };
}

function configurationFor(port: number): string {
  return `[libdefaults]
 default_realm = TESTBED.LOCAL
 udp_preference_limit = 1
 dns_canonicalize_hostname = false
[realms]
 TESTBED.LOCAL = {
  kdc = 127.0.0.1:${port}
 }
`;
}
