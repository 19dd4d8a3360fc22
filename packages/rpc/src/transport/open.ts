import net from "node:net";
import { ConnectionError } from "../util/connection-error.ts";
import { onAbort } from "../util/signals.ts";
import {
  checkedPort,
  describeAddress,
  type FdAddress,
  systemPath,
  type TcpAddress,
  type UnixAddress,
} from "./address.ts";
import { endpointsOf, type Intake, NodeSocket, openIntake, readBuffer, socketError } from "./node-socket.ts";
import { resolveHost } from "./resolve-host.ts";
import type { Transport } from "./transport.ts";

/** What `openTransport` can reach. */
export type OpenAddress = UnixAddress | TcpAddress | FdAddress;

/**
 * A connected transport. Rejects with {@link ConnectionError} when nobody answers, with the reason of `signal` when that
 * comes first, and throws `RangeError` for an address that can't be one.
 */
export async function openTransport(address: OpenAddress, signal?: AbortSignal): Promise<Transport> {
  signal?.throwIfAborted();
  if ("path" in address) return openUnix(address, signal);
  if ("fd" in address) return openDescriptor(address);
  return openTcp(address, signal);
}

function openUnix({ path }: UnixAddress, signal: AbortSignal | undefined): Promise<Transport> {
  return dial({ path: systemPath(path) }, path, signal);
}

function openDescriptor({ fd }: FdAddress): Transport {
  const intake = openIntake(readBuffer());
  try {
    // Documented for both, typed for `connect` only.
    const options = { fd, readable: true, writable: true, allowHalfOpen: true, onread: intake.onread };
    const socket = new net.Socket(options);
    return new NodeSocket(socket, intake, endpointsOf(socket));
  } catch (error) {
    throw socketError(error, describeAddress({ fd }));
  }
}

/** All addresses of the host, in the system's order, one after another (F080); each failure is told. */
async function openTcp(address: TcpAddress, signal: AbortSignal | undefined): Promise<Transport> {
  const port = checkedPort(address.port);
  const host = address.host ?? "localhost";
  const failures: Error[] = [];
  for (const ip of await resolveHost(host, signal)) {
    try {
      return await dial({ host: ip, port }, describeAddress({ host: ip, port }), signal);
    } catch (error) {
      signal?.throwIfAborted();
      failures.push(socketError(error, ip));
    }
  }
  if (failures.length === 1 && failures[0] !== undefined) throw failures[0];
  const told = failures.map(({ message }) => message).join("; ");
  throw new ConnectionError(`no address of ${describeAddress({ host, port })} answers: ${told}`, "error", {
    cause: new AggregateError(failures),
  });
}

function dial(target: net.NetConnectOpts, name: string, signal: AbortSignal | undefined): Promise<Transport> {
  return new Promise((fulfil, reject) => {
    signal?.throwIfAborted();
    const intake: Intake = openIntake(readBuffer());
    const socket = net.connect({ ...target, allowHalfOpen: true, onread: intake.onread });
    const settle = (): void => {
      off();
      socket.off("connect", connected);
      socket.off("error", failed);
    };
    const connected = (): void => {
      settle();
      fulfil(new NodeSocket(socket, intake, endpointsOf(socket, name)));
    };
    const failed = (error: Error): void => {
      settle();
      reject(socketError(error, name));
    };
    socket.once("connect", connected);
    socket.once("error", failed);
    const off = onAbort(signal, (reason) => {
      settle();
      socket.on("error", ignore);
      socket.destroy();
      reject(reason);
    });
  });
}

function ignore(): void {}
