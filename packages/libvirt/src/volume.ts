import type { CallOptions, Part, ProgramClient, RpcStream } from "virnet";
import { VirStorageVolDownloadFlags, VirStorageVolUploadFlags } from "./gen/enums.ts";
import type { RemoteNonnullStorageVol, RemoteProcedures } from "./gen/remote.ts";
import { readParts, SparseFileWriter } from "./sparse-file.ts";
import { TransferMeter, type TransferProgress } from "./transfer-meter.ts";

export interface VolumeInfo {
  /** virStorageVolType: 0 is a file, 1 a block device. */
  readonly type: number;
  /** Bytes. */
  readonly capacity: bigint;
  /** Bytes. */
  readonly allocation: bigint;
}

export interface RangeOptions {
  /** Where in the volume to begin, in bytes; 0 unless given. */
  readonly offset?: number | bigint;
  /** Bytes; up to the end unless given. */
  readonly length?: number | bigint;
  /** Sends holes as holes. */
  readonly sparse?: boolean;
  /** Aborts the transfer. */
  readonly signal?: AbortSignal;
}

export interface TransferOptions extends RangeOptions {
  /** Told ten times a second at most, and at the end. */
  readonly onProgress?: (progress: TransferProgress) => void;
}

/** The path of a file; or data, and holes where the transfer is sparse. Chunks may be used again after the next but one. */
export type UploadSource = string | AsyncIterable<Part> | Iterable<Part>;

/** The path of a file, made anew; or what takes the data, valid until its promise resolves, with holes as zeros. */
export type DownloadTarget = string | ((bytes: Uint8Array) => Promise<unknown>);

/** A volume of a storage pool. All methods reject as calls do; transfers also with what source or target fail with. */
export class Volume {
  readonly name: string;
  /** Unique on the host. */
  readonly key: string;
  /** The name of its pool. */
  readonly pool: string;
  /** What calls of `remote` take as their `vol`. */
  readonly reference: RemoteNonnullStorageVol;
  readonly #remote: ProgramClient<RemoteProcedures>;

  constructor(remote: ProgramClient<RemoteProcedures>, vol: RemoteNonnullStorageVol) {
    this.#remote = remote;
    this.reference = vol;
    this.name = vol.name;
    this.key = vol.key;
    this.pool = vol.pool;
  }

  async info(options?: CallOptions): Promise<VolumeInfo> {
    return this.#remote.storageVolGetInfo({ vol: this.reference }, options);
  }

  async path(options?: CallOptions): Promise<string> {
    return (await this.#remote.storageVolGetPath({ vol: this.reference }, options)).name;
  }

  async xml(options?: CallOptions): Promise<string> {
    return (await this.#remote.storageVolGetXmlDesc({ vol: this.reference, flags: 0 }, options)).xml;
  }

  /** Deletes the volume and its content. */
  async delete(options?: CallOptions): Promise<void> {
    await this.#remote.storageVolDelete({ vol: this.reference, flags: 0 }, options);
  }

  /** A stream into the volume, for those who write themselves. */
  async openUpload(options: RangeOptions = {}): Promise<RpcStream> {
    const { sparse = false } = options;
    const flags = sparse ? VirStorageVolUploadFlags.SPARSE_STREAM : 0;
    const args = { vol: this.reference, ...rangeOf(options), flags };
    return (await this.#remote.storageVolUpload(args, { ...signalOf(options), sparse })).stream;
  }

  /** A stream out of the volume, for those who read themselves. */
  async openDownload(options: RangeOptions = {}): Promise<RpcStream> {
    const { sparse = false } = options;
    const flags = sparse ? VirStorageVolDownloadFlags.SPARSE_STREAM : 0;
    const args = { vol: this.reference, ...rangeOf(options), flags };
    return (await this.#remote.storageVolDownload(args, { ...signalOf(options), sparse })).stream;
  }

  /** Resolves when the server has confirmed all of it. */
  async upload(source: UploadSource, options: TransferOptions = {}): Promise<TransferProgress> {
    await using stream = await this.openUpload(options);
    const meter = new TransferMeter(options.onProgress);
    for await (const part of partsOf(source, options)) await send(stream, part, meter);
    await stream.finish();
    return meter.end();
  }

  /** Resolves when all of it has been written. A target file is made anew and has the holes of a sparse transfer. */
  async download(target: DownloadTarget, options: TransferOptions = {}): Promise<TransferProgress> {
    const meter = new TransferMeter(options.onProgress);
    if (typeof target === "string") await this.#downloadFile(target, options, meter);
    else await this.#downloadTo(target, options, meter);
    return meter.end();
  }

  async #downloadTo(take: (bytes: Uint8Array) => Promise<unknown>, options: RangeOptions, meter: TransferMeter) {
    await using stream = await this.openDownload(options);
    await stream.consume((bytes) => {
      meter.addData(bytes.length);
      return take(bytes);
    });
  }

  async #downloadFile(path: string, options: RangeOptions, meter: TransferMeter): Promise<void> {
    await using stream = await this.openDownload(options);
    const file = await SparseFileWriter.open(path);
    try {
      await stream.consume(
        (bytes) => {
          meter.addData(bytes.length);
          return file.write(bytes);
        },
        {
          blocks: BLOCK_BYTES,
          hole: async (hole) => {
            meter.addHole(Number(hole.hole));
            file.skip(hole);
          },
        },
      );
      await file.end();
    } finally {
      await file.close();
    }
  }
}

/** Written at once. */
const BLOCK_BYTES = 1_048_576;

function rangeOf({ offset = 0, length = 0 }: RangeOptions): { offset: bigint; length: bigint } {
  return { offset: BigInt(offset), length: BigInt(length) };
}

function signalOf({ signal }: RangeOptions): { signal?: AbortSignal } {
  return signal === undefined ? {} : { signal };
}

function partsOf(source: UploadSource, { sparse = false, length }: RangeOptions): AsyncIterable<Part> | Iterable<Part> {
  if (typeof source !== "string") return source;
  return readParts(source, { sparse, length: length === undefined ? undefined : Number(length) });
}

async function send(stream: RpcStream, part: Part, meter: TransferMeter): Promise<void> {
  if (part instanceof Uint8Array) {
    await stream.write(part);
    meter.addData(part.length);
  } else {
    await stream.hole(part.hole);
    meter.addHole(Number(part.hole));
  }
}
