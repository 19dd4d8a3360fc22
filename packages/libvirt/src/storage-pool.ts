import type { CallOptions, ProgramClient } from "virnet";
import type { RemoteNonnullStoragePool, RemoteProcedures } from "./gen/remote.ts";
import { formatUuid } from "./uuid.ts";
import { Volume } from "./volume.ts";

export interface PoolInfo {
  readonly active: boolean;
  /** Bytes. */
  readonly capacity: bigint;
  /** Bytes. */
  readonly allocation: bigint;
  /** Bytes. */
  readonly available: bigint;
}

/** virStoragePoolState: everything from here on runs, if perhaps badly. */
const STATE_RUNNING = 2;

/** A storage pool of one connection. It holds names, not state: every method asks the server. */
export class StoragePool {
  readonly name: string;
  /** Text form. */
  readonly uuid: string;
  /** What calls of `remote` take as their `pool`. */
  readonly reference: RemoteNonnullStoragePool;
  readonly #remote: ProgramClient<RemoteProcedures>;

  constructor(remote: ProgramClient<RemoteProcedures>, pool: RemoteNonnullStoragePool) {
    this.#remote = remote;
    this.reference = pool;
    this.name = pool.name;
    this.uuid = formatUuid(pool.uuid);
  }

  async info(options?: CallOptions): Promise<PoolInfo> {
    const { state, ...sizes } = await this.#remote.storagePoolGetInfo({ pool: this.reference }, options);
    return { active: state >= STATE_RUNNING, ...sizes };
  }

  async xml(options?: CallOptions): Promise<string> {
    return (await this.#remote.storagePoolGetXmlDesc({ pool: this.reference, flags: 0 }, options)).xml;
  }

  async volumes(options?: CallOptions): Promise<Volume[]> {
    const args = { pool: this.reference, needResults: 1, flags: 0 };
    const { vols } = await this.#remote.storagePoolListAllVolumes(args, options);
    return vols.map((vol) => new Volume(this.#remote, vol));
  }

  async volume(name: string, options?: CallOptions): Promise<Volume> {
    const { vol } = await this.#remote.storageVolLookupByName({ pool: this.reference, name }, options);
    return new Volume(this.#remote, vol);
  }

  /** A new volume, described by `<volume>` XML. */
  async createVolume(xml: string, options?: CallOptions): Promise<Volume> {
    const args = { pool: this.reference, xml, flags: 0 };
    return new Volume(this.#remote, (await this.#remote.storageVolCreateXml(args, options)).vol);
  }

  /** Makes the server look at what is in the pool now. */
  async refresh(options?: CallOptions): Promise<void> {
    await this.#remote.storagePoolRefresh({ pool: this.reference, flags: 0 }, options);
  }
}
