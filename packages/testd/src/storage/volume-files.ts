import { type FileHandle, mkdtemp, open, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Extents } from "./extents.ts";
import type { Volume } from "./volume.ts";

/** What a volume holds: a sparse file as long as the volume, and where it has data. */
export interface VolumeFile {
  readonly path: string;
  readonly extents: Extents;
}

/**
 * The content of volumes, in a directory of its own that is made when the first volume is written and removed at the
 * end. A volume that was never written has no file.
 */
export class VolumeFiles {
  readonly #files = new WeakMap<Volume, VolumeFile>();
  #folder: Promise<string> | undefined;
  #removal: Promise<void> = Promise.resolve();
  #next = 1;

  /** The content of a volume; `undefined` while it is all zeros. */
  find(volume: Volume): VolumeFile | undefined {
    return this.#files.get(volume);
  }

  /** The content of a volume, opened to be changed. */
  async open(volume: Volume): Promise<{ file: VolumeFile; handle: FileHandle }> {
    const known = this.#files.get(volume);
    if (known !== undefined) return { file: known, handle: await open(known.path, "r+") };
    this.#folder ??= mkdtemp(join(tmpdir(), "virnet-testd-"));
    const file = { path: join(await this.#folder, String(this.#next++)), extents: new Extents() };
    const handle = await open(file.path, "wx");
    await handle.truncate(Number(volume.capacity));
    this.#files.set(volume, file);
    return { file, handle };
  }

  async remove(volume: Volume): Promise<void> {
    const file = this.#files.get(volume);
    if (file === undefined) return;
    this.#files.delete(volume);
    await rm(file.path, { force: true });
  }

  /** Removes everything. Resolves when nothing is left, also of what an earlier call has begun to remove. */
  async close(): Promise<void> {
    const folder = this.#folder;
    this.#folder = undefined;
    if (folder !== undefined) this.#removal = Promise.allSettled([this.#removal]).then(() => removeFolder(folder));
    await this.#removal;
  }
}

async function removeFolder(folder: Promise<string>): Promise<void> {
  await rm(await folder, { recursive: true, force: true });
}
