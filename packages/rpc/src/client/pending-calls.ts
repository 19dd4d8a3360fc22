import type { Descriptors } from "../connection/descriptors.ts";
import type { AnyProcedure, Program } from "../program/program.ts";
import type { ClientWire } from "../stream/client-wire.ts";
import { type Numbered, SerialTable } from "../util/serial-table.ts";

/** A call that waits for its reply. */
export interface PendingCall extends Numbered {
  readonly program: Program<object>;
  readonly procedure: AnyProcedure;
  /** The stream that the call opens. */
  readonly wire: ClientWire | undefined;
  /** Where the call ends in all that was queued. */
  readonly position: number;
  readonly onDescriptors: ((descriptors: Descriptors) => void) | undefined;
  readonly resolve: (ret: unknown) => void;
  readonly reject: (reason: unknown) => void;
  /** Takes the listener off the caller's signal. */
  readonly off: () => void;
}

/** Replies that nobody waits for any more are still to come for at most this many calls. */
const ABANDONED_LIMIT = 65_536;

/** The calls of one connection by serial (F019, F020). */
export class PendingCalls {
  #calls = new SerialTable<PendingCall>();
  readonly #abandoned = new Set<number>();
  readonly #isTaken: (serial: number) => boolean;
  #next: number;
  #late = 0;

  /**
   * `first` is the serial of the first call; libvirt's clients begin with 0. `isTaken` tells of serials that others use:
   * streams keep that of their call.
   */
  constructor(first = 0, isTaken: (serial: number) => boolean = no) {
    this.#next = first;
    this.#isTaken = isTaken;
  }

  /** Calls that wait. */
  get size(): number {
    return this.#calls.size;
  }

  /** Replies to abandoned calls that came and were dropped. */
  get late(): number {
    return this.#late;
  }

  /** A serial that no other call has: from 0, one more each time, around at 2^32 (F019). */
  reserve(): number {
    let serial = this.#next;
    while (this.#calls.has(serial) || this.#abandoned.has(serial) || this.#isTaken(serial)) serial = (serial + 1) >>> 0;
    this.#next = (serial + 1) >>> 0;
    return serial;
  }

  /** Its serial is one that `reserve` has given. */
  open(call: PendingCall): void {
    this.#calls.add(call);
  }

  get(serial: number): PendingCall | undefined {
    return this.#calls.get(serial);
  }

  /** The call has its reply. */
  settle(serial: number): void {
    this.#calls.delete(serial);
  }

  /**
   * The caller has gone; the reply is dropped when it comes. False when too many such replies are owed: then the peer
   * has stopped answering.
   */
  abandon(serial: number): boolean {
    this.#calls.delete(serial);
    this.#abandoned.add(serial);
    return this.#abandoned.size <= ABANDONED_LIMIT;
  }

  /** Is this reply one that nobody waits for any more? Counts it as late if so. */
  takeLate(serial: number): boolean {
    if (!this.#abandoned.delete(serial)) return false;
    this.#late++;
    return true;
  }

  /** Ends every call with what `reason` says of it. */
  rejectAll(reason: (call: PendingCall) => unknown): void {
    const calls = this.#calls.values().toSorted((one, other) => one.position - other.position);
    this.#calls = new SerialTable();
    this.#abandoned.clear();
    for (const call of calls) {
      call.off();
      call.reject(reason(call));
    }
  }
}

function no(): boolean {
  return false;
}
