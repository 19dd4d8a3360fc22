import { Libvirt } from "@virnet/libvirt";
import { compileCClient } from "../calls/c-client.ts";
import { roundOf } from "../calls/foreign-client.ts";
import type { TlsPlace } from "./peers.ts";

/** How fast the host's name was asked for over TLS. */
export interface TlsCallResult {
  readonly client: "libvirt.so" | "virnet";
  readonly server: TlsPlace["server"];
  /** Calls at a time, over one connection; a thread each with libvirt's client. */
  readonly outstanding: number;
  /** Per second, the median of the rounds. */
  readonly rate: number;
}

export interface TlsCallPlan {
  readonly rounds: number;
  readonly milliseconds: number;
}

const OUTSTANDING = [1, 32];

/** With libvirt's own client, which virsh is a shell for, and with ours; nothing where that can't be compiled. */
export async function measureTlsCalls(
  places: readonly TlsPlace[],
  folder: string,
  { rounds, milliseconds }: TlsCallPlan,
): Promise<TlsCallResult[]> {
  const libvirt = await compileCClient(folder);
  if (!("program" in libvirt)) return [];
  const ways = places.flatMap(({ server, callUri: uri }) =>
    OUTSTANDING.flatMap(
      (outstanding) =>
        [
          {
            client: "libvirt.so",
            server,
            outstanding,
            play: () => roundOf(libvirt.program, uri, outstanding, milliseconds),
          },
          { client: "virnet", server, outstanding, play: () => ours(uri, outstanding, milliseconds) },
        ] as const,
    ),
  );
  const rates = new Map(ways.map((way) => [way, [] as number[]]));
  for (let round = 0; round < rounds; round++) {
    for (const [way, found] of rates) found.push((await way.play()).callsPerSecond);
  }
  return [...rates].map(([{ client, server, outstanding }, found]) => ({
    client,
    server,
    outstanding,
    rate: found.toSorted((a, b) => a - b)[found.length >> 1] ?? Number.NaN,
  }));
}

async function ours(
  uri: string,
  outstanding: number,
  milliseconds: number,
): Promise<{ readonly callsPerSecond: number }> {
  await using hypervisor = await Libvirt.open(uri);
  const begun = performance.now();
  let calls = 0;
  const caller = async (): Promise<void> => {
    for (; performance.now() < begun + milliseconds; calls++) await hypervisor.hostname();
  };
  await Promise.all(Array.from({ length: outstanding }, caller));
  return { callsPerSecond: (calls * 1000) / (performance.now() - begun) };
}
