import type { CStruct, Foreign, Pointer } from "../foreign.ts";

/** Memory for C that lives as long as one connection does. Wiped before it is given back: it holds passwords. */
export class Arena {
  readonly #foreign: Foreign;
  readonly #blocks: { pointer: Pointer; size: number }[] = [];

  constructor(foreign: Foreign) {
    this.#foreign = foreign;
  }

  /** The bytes with a zero behind them, so that C may take them for text. */
  bytes(bytes: Uint8Array): Pointer {
    const pointer = this.#block(bytes.length + 1);
    this.#foreign.write(pointer, bytes);
    return pointer;
  }

  /** Text in UTF-8. */
  text(text: string): Pointer {
    const bytes = new TextEncoder().encode(text);
    const pointer = this.bytes(bytes);
    bytes.fill(0);
    return pointer;
  }

  /** Structs one behind the other. */
  structs<T>(type: CStruct<T>, ...values: readonly T[]): Pointer {
    const pointer = this.#block(type.size * values.length);
    for (const [i, value] of values.entries()) type.write(pointer + BigInt(i * type.size), value);
    return pointer;
  }

  free(): void {
    for (const { pointer, size } of this.#blocks.splice(0)) {
      this.#foreign.write(pointer, new Uint8Array(size));
      this.#foreign.free(pointer);
    }
  }

  #block(size: number): Pointer {
    const pointer = this.#foreign.allocate(size);
    this.#blocks.push({ pointer, size });
    return pointer;
  }
}
