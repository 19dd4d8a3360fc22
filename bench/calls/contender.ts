import { keepCalling, type Load, type OneCall, type Tally } from "./load.ts";

/** Where a contender listens. */
export type Place = { readonly path: string } | { readonly host: string; readonly port: number };

/** One connection under load. */
export interface Session {
  run(load: Load): Promise<Tally>;
}

/** A way to make calls: its server, and its client. Both end with their process. */
export interface Contender {
  /** Resolves, once it listens, to where; port 0 is any free one. */
  serve(place: Place): Promise<Place>;
  open(place: Place): Promise<Session>;
  /** Both ends in this process, joined in memory, for those who can. */
  join?(): Promise<Session>;
}

/** A session of a client that gives a promise per call; `prepare` makes the call that carries so many bytes. */
export function promisingSession(prepare: (bytes: number) => OneCall): Session {
  return { run: (load) => keepCalling(prepare(load.bytes), load) };
}

/** The first is the yardstick of the others. */
export const contenderNames = [
  "raw node:net",
  "bytes only",
  "virnet",
  "msgpackr framed",
  "ws + JSON",
  "@grpc/grpc-js",
] as const;

/** Those of {@link contenderNames}, and two that speak libvirt's protocol. */
export type ContenderName = (typeof contenderNames)[number] | "raw on libvirt" | "virnet on libvirt";

/** Each process loads its own contender only. */
export async function contender(name: ContenderName): Promise<Contender> {
  switch (name) {
    case "raw node:net":
      return (await import("./contenders/raw.ts")).raw;
    case "bytes only":
      return (await import("./contenders/bytes-only.ts")).bytesOnly;
    case "virnet":
      return (await import("./contenders/virnet.ts")).virnet;
    case "msgpackr framed":
      return (await import("./contenders/msgpackr.ts")).msgpackr;
    case "ws + JSON":
      return (await import("./contenders/ws-json.ts")).wsJson;
    case "@grpc/grpc-js":
      return (await import("./contenders/grpc.ts")).grpc;
    case "raw on libvirt":
      return (await import("./contenders/remote.ts")).remoteRaw;
    case "virnet on libvirt":
      return (await import("./contenders/remote.ts")).remoteVirnet;
  }
}
