import type {
  RemoteNonnullDomain,
  RemoteNonnullNetwork,
  RemoteNonnullStoragePool,
  RemoteNonnullStorageVol,
} from "@virnet/libvirt/remote";
import type { Domain, DomainHandle } from "../domain/domain.ts";
import { Code, From, failure } from "../failure.ts";
import type { Session } from "../session.ts";
import type { Pool } from "../storage/pool.ts";
import type { Volume } from "../storage/volume.ts";
import { uuidFromBytes, uuidToBytes } from "../uuid.ts";

/** The domain that a client's handle means. */
export function domainOf(session: Session, handle: RemoteNonnullDomain): Domain {
  return session.hypervisor.domains.require(uuidFromBytes(handle.uuid), handle.name);
}

export function domainRef({ name, uuid, id }: DomainHandle): RemoteNonnullDomain {
  return { name, uuid: uuidToBytes(uuid), id };
}

/** A reference to anything that has a name and a UUID. */
export function namedRef({
  name,
  uuid,
}: {
  name: string;
  uuid: string;
}): RemoteNonnullNetwork & RemoteNonnullStoragePool {
  return { name, uuid: uuidToBytes(uuid) };
}

export function volumeRef(pool: Pool, volume: Volume): RemoteNonnullStorageVol {
  return { pool: pool.name, name: volume.name, key: volume.key };
}

export function bit(on: boolean): number {
  return on ? 1 : 0;
}

/** Bytes of a text, for the fields of the protocol that are arrays of `char`. */
export function chars(text: string, length: number = text.length + 1): Uint8Array {
  const bytes = new Uint8Array(length);
  new TextEncoder().encodeInto(text, bytes);
  return bytes;
}

/** The first `max` of a list; refuses limits that the protocol does not allow. */
export function upTo<T>(list: readonly T[], max: number, limit: ListLimit): T[] {
  if (max < 0) throw failure(Code.RPC, From.RPC, `${limit.argument} must be non-negative`);
  if (max > limit.most) throw failure(Code.RPC, From.RPC, `${limit.argument} > ${limit.name}`);
  return list.slice(0, max);
}

/** A limit of the protocol, with the names that its error quotes. */
export interface ListLimit {
  readonly argument: string;
  readonly name: string;
  readonly most: number;
}

/** What a "list all" procedure answers: the objects only when asked for, their number always. */
export function listed<T>(all: readonly T[], needResults: number): { results: T[]; ret: number } {
  return { results: needResults === 0 ? [] : [...all], ret: all.length };
}
