import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** UNIX sockets of one run, in a directory that goes with it. */
export class Places implements AsyncDisposable {
  readonly folder: string;
  #count = 0;

  private constructor(folder: string) {
    this.folder = folder;
  }

  static async make(): Promise<Places> {
    return new Places(await mkdtemp(join(tmpdir(), "bench-")));
  }

  next(): { readonly path: string } {
    return { path: join(this.folder, `${this.#count++}.sock`) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.folder, { recursive: true, force: true });
  }
}
