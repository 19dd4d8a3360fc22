import type { CStruct, Foreign, Pointer } from "../foreign.ts";

interface Head {
  readonly name: Pointer | null;
  readonly nameLength: number;
  readonly parts: Pointer;
  readonly partCount: number;
  readonly control: Pointer;
  readonly controlLength: number;
  readonly flags: number;
}

interface Part {
  readonly base: Pointer;
  readonly length: number;
}

interface Control {
  readonly length: number;
  readonly level: number;
  readonly type: number;
}

const SOL_SOCKET = 1;
const SCM_RIGHTS = 1;
const DESCRIPTOR_BYTES = 4;

/** A struct msghdr with room for one byte and one descriptor, used again and again. */
export class MessageHead {
  readonly address: Pointer;
  readonly #foreign: Foreign;
  readonly #head: CStruct<Head>;
  readonly #control: CStruct<Control>;
  readonly #controlAt: Pointer;
  readonly #descriptorAt: Pointer;
  readonly #controlLength: number;
  readonly #empty: Head;

  constructor(foreign: Foreign) {
    this.#foreign = foreign;
    this.#head = foreign.struct<Head>({
      name: "void *",
      nameLength: "uint32_t",
      parts: "void *",
      partCount: "size_t",
      control: "void *",
      controlLength: "size_t",
      flags: "int",
    });
    this.#control = foreign.struct<Control>({ length: "size_t", level: "int", type: "int" });
    const part = foreign.struct<Part>({ base: "void *", length: "size_t" });
    this.address = foreign.allocate(this.#head.size);
    this.#controlAt = foreign.allocate(this.#control.size + DESCRIPTOR_BYTES);
    this.#descriptorAt = this.#controlAt + BigInt(this.#control.size);
    // Exactly one fits: were it padded, as C's macros have it, the kernel would put two in.
    this.#controlLength = this.#control.size + DESCRIPTOR_BYTES;
    const parts = foreign.allocate(part.size);
    part.write(parts, { base: foreign.allocate(1), length: 1 });
    this.#empty = {
      name: null,
      nameLength: 0,
      parts,
      partCount: 1,
      control: this.#controlAt,
      controlLength: this.#controlLength,
      flags: 0,
    };
  }

  /** For sendmsg: one descriptor. */
  put(descriptor: number): void {
    this.#head.write(this.address, this.#empty);
    this.#control.write(this.#controlAt, { length: this.#controlLength, level: SOL_SOCKET, type: SCM_RIGHTS });
    this.#foreign.write(this.#descriptorAt, new Uint8Array(Int32Array.of(descriptor).buffer));
  }

  /** For recvmsg: nothing yet. */
  clear(): void {
    this.#head.write(this.address, this.#empty);
    this.#control.write(this.#controlAt, { length: 0, level: 0, type: 0 });
  }

  /** What recvmsg has put in; `null` where there was none. */
  take(): { readonly descriptor: number; readonly isOnly: boolean } | null {
    const { controlLength, flags } = this.#head.read(this.address);
    const { level, type } = this.#control.read(this.#controlAt);
    if (controlLength < this.#controlLength || level !== SOL_SOCKET || type !== SCM_RIGHTS) return null;
    const found = new Int32Array(1);
    this.#foreign.read(this.#descriptorAt, new Uint8Array(found.buffer));
    // The kernel has closed what did not fit.
    return { descriptor: found[0] ?? -1, isOnly: (flags & MSG_CTRUNC) === 0 };
  }
}

const MSG_CTRUNC = 0x8;
