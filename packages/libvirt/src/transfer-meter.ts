/** How far a transfer has come. */
export interface TransferProgress {
  /** Place in the volume that has been reached: data and holes, in bytes. */
  readonly bytes: number;
  /** Bytes of data that were really sent. */
  readonly data: number;
  /** Data per second since the beginning, in bytes. */
  readonly rate: number;
}

/** Milliseconds between two reports. */
const INTERVAL_MS = 100;

/** Counts a transfer, and tells of it now and then. */
export class TransferMeter {
  readonly #tell: ((progress: TransferProgress) => void) | undefined;
  readonly #begun = performance.now();
  #told = 0;
  #bytes = 0;
  #data = 0;

  constructor(tell: ((progress: TransferProgress) => void) | undefined) {
    this.#tell = tell;
  }

  get progress(): TransferProgress {
    const seconds = (performance.now() - this.#begun) / 1000;
    return { bytes: this.#bytes, data: this.#data, rate: seconds > 0 ? this.#data / seconds : 0 };
  }

  addData(bytes: number): void {
    this.#data += bytes;
    this.#add(bytes);
  }

  addHole(bytes: number): void {
    this.#add(bytes);
  }

  /** The last report, however soon after the one before. */
  end(): TransferProgress {
    const { progress } = this;
    this.#tell?.(progress);
    return progress;
  }

  #add(bytes: number): void {
    this.#bytes += bytes;
    if (this.#tell === undefined || performance.now() - this.#told < INTERVAL_MS) return;
    this.#told = performance.now();
    this.#tell(this.progress);
  }
}
