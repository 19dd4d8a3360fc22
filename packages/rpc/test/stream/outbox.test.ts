import { describe, expect, it } from "vitest";
import type { MessageHeader } from "../../src/protocol/message.ts";
import { Outbox, type Packet } from "../../src/stream/outbox.ts";

/** A connection on which packets leave when the test says so. */
class Port {
  isDraining = false;
  readonly written: number[] = [];
  readonly #leaving: (() => void)[] = [];
  readonly #drained: (() => void)[] = [];

  sendRaw(header: MessageHeader, _: Uint8Array, sent: () => void): void {
    this.written.push(header.serial);
    this.#leaving.push(sent);
  }

  whenDrained(then: () => void): void {
    this.#drained.push(then);
  }

  leave(): void {
    this.#leaving.shift()?.();
  }

  drain(): number {
    this.isDraining = false;
    const waiting = this.#drained.splice(0);
    for (const then of waiting) then();
    return waiting.length;
  }
}

function packets(size = 262_120) {
  const port = new Port();
  const outbox = new Outbox(port);
  const told: string[] = [];
  const bytes = new Uint8Array(size);
  const send = (serial: number): Packet => {
    const packet: Packet = {
      header: { program: 1, version: 1, procedure: 1, type: 3, status: 2, serial },
      bytes,
      cancelled: false,
      started: () => told.push(`started ${serial}`),
      sent: () => told.push(`sent ${serial}`),
    };
    outbox.send(packet);
    return packet;
  };
  return { port, outbox, told, send };
}

describe("an outbox", () => {
  it("hands on what fits into its window, and the rest in order as that leaves", () => {
    const { port, told, send } = packets();
    for (let serial = 1; serial <= 5; serial++) send(serial);
    expect(port.written).toEqual([1, 2]);
    port.leave();
    expect(port.written).toEqual([1, 2, 3]);
    expect(told).toEqual(["started 1", "started 2", "sent 1", "started 3"]);
    port.leave();
    port.leave();
    port.leave();
    expect(port.written).toEqual([1, 2, 3, 4, 5]);
  });

  it("leaves out what was cancelled while it waited", () => {
    const { port, send } = packets();
    for (const serial of [1, 2]) send(serial);
    send(3).cancelled = true;
    send(4);
    port.leave();
    expect(port.written).toEqual([1, 2, 4]);
  });

  it("lets those go first who wait for the connection to drain, and asks for that once", () => {
    const { port, send } = packets(10);
    port.isDraining = true;
    send(1);
    send(2);
    expect(port.written).toEqual([]);
    expect(port.drain()).toBe(1);
    expect(port.written).toEqual([1, 2]);
    port.isDraining = true;
    send(3);
    expect(port.drain()).toBe(1);
    expect(port.written).toEqual([1, 2, 3]);
  });

  it("keeps the order of packets that came while others waited", () => {
    const { port, send } = packets();
    for (let serial = 1; serial <= 3000; serial++) send(serial);
    while (port.written.length < 3000) port.leave();
    expect(port.written).toEqual(Array.from({ length: 3000 }, (_, at) => at + 1));
  });

  it("hands on nothing more once it is closed", () => {
    const { port, outbox, told, send } = packets();
    for (let serial = 1; serial <= 3; serial++) send(serial);
    outbox.close();
    send(4);
    port.leave();
    port.leave();
    expect(port.written).toEqual([1, 2]);
    expect(told.at(-1)).toBe("sent 2");
  });
});
