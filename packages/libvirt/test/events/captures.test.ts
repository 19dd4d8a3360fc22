import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Client } from "virnet";
import { memoryPair, ScriptedPeer } from "virnet/testing";
import { describe, expect, it } from "vitest";
import type { LibvirtEvent } from "../../src/events/event.ts";
import { eventKinds } from "../../src/events/kinds.ts";
import type { Events, EventsOptions } from "../../src/events/subscription.ts";
import { Subscriptions } from "../../src/events/subscriptions.ts";
import { Remote } from "../../src/gen/remote.ts";

/*
 * libvirtd's side of recorded sessions, with our client in the place of virsh: every event that was recorded comes typed.
 */
const captures = join(import.meta.dirname, "../../../../interop/testbed/captures");

interface Line {
  readonly dir: "c2s" | "s2c";
  readonly hex: string;
  readonly prog?: number;
  readonly proc: number;
  readonly type: number;
  readonly serial: number;
}

const MESSAGE = 2;
const KEEPALIVE = 0x6b656570;

function isEvent({ dir, type, prog }: Line): boolean {
  return dir === "s2c" && type === MESSAGE && prog !== KEEPALIVE;
}

function session(name: string): Line[] {
  const lines = readFileSync(join(captures, `${name}.jsonl`), "utf8")
    .trim()
    .split("\n");
  // The lines were written by our own recorder; those that are no messages have no program.
  return lines.map((line) => JSON.parse(line) as Line).filter(({ prog }) => prog !== undefined);
}

/** Answers each call as the recorded server answered the same one, and sends the recorded events when all are answered. */
async function serve(peer: ScriptedPeer, lines: readonly Line[], calls: number): Promise<void> {
  for (let i = 0; i < calls; i++) {
    const { header, payload } = await peer.next();
    const call = lines.find(
      ({ dir, proc, hex }) =>
        dir === "c2s" && proc === header.procedure && hex.slice(56) === Buffer.from(payload).toString("hex"),
    );
    const reply = lines.find(({ dir, type, serial, proc }) => {
      return dir === "s2c" && type === 1 && serial === call?.serial && proc === call.proc;
    });
    if (reply === undefined) throw new Error(`nothing recorded for procedure ${header.procedure}`);
    const bytes = Buffer.from(reply.hex, "hex");
    bytes.writeUInt32BE(header.serial, 20);
    peer.send(bytes);
  }
  for (const { hex } of lines.filter(isEvent)) peer.send(Buffer.from(hex, "hex"));
}

/** What an iteration over these kinds gives for a recorded session. */
async function heard(name: string, options: EventsOptions, calls: number, callbacks = true): Promise<LibvirtEvent[]> {
  const [ours, theirs] = memoryPair();
  await using peer = new ScriptedPeer(theirs);
  const client = new Client(ours);
  const subscriptions = new Subscriptions(client.program(Remote));
  void subscriptions.attach(client, { callbacks });
  const events: Events = subscriptions.subscribe(options);
  const lines = session(name);
  await serve(peer, lines, calls);
  await events.ready;
  const items: LibvirtEvent[] = [];
  for (let left = lines.filter(isEvent).length; left > 0; left--) {
    const { value } = await events.next();
    if (value !== undefined && value.kind !== "lagged" && value.kind !== "resync") items.push(value);
  }
  return items;
}

function told(event: LibvirtEvent): string {
  const what = "event" in event ? [event.event] : [];
  const detail = "detail" in event ? [event.detail] : [];
  return [event.kind, ...what, ...detail].join(" ");
}

describe("recorded events", () => {
  it("of a domain's life", async () => {
    const kinds = Object.keys(eventKinds).slice(0, 27) as (keyof typeof eventKinds)[];
    const items = await heard("events-domain", { kinds }, 27);
    expect(items.map(told)).toEqual([
      "domain-lifecycle defined added",
      "domain-lifecycle started booted",
      "domain-lifecycle suspended paused",
      "domain-lifecycle resumed unpaused",
      "domain-lifecycle stopped shutdown",
      "domain-lifecycle started booted",
      "domain-lifecycle stopped destroyed",
      "domain-lifecycle undefined removed",
    ]);
    expect(items[0]).toMatchObject({
      domain: { name: "demo", uuid: "11111111-2222-4333-8444-555555555555", id: null },
    });
  });

  it("of a real guest", async () => {
    const kinds = Object.keys(eventKinds).slice(0, 27) as (keyof typeof eventKinds)[];
    const items = await heard("events-guest", { kinds }, 27);
    expect(items.map(told)).toEqual([
      "domain-lifecycle suspended paused",
      "domain-lifecycle resumed unpaused",
      "domain-reboot",
      "domain-lifecycle shutdown host",
      "domain-control-error",
      "domain-lifecycle stopped destroyed",
      "domain-lifecycle resumed unpaused",
      "domain-lifecycle started booted",
    ]);
  });

  it.each([
    ["events-network", "network-lifecycle", ["defined", "started", "stopped", "undefined"]],
    ["events-pool", "pool-lifecycle", ["defined", "created", "started", "stopped", "undefined"]],
    ["events-secret", "secret-lifecycle", ["defined", "undefined"]],
  ] as const)("of %s", async (name, kind, events) => {
    expect((await heard(name, { kinds: [kind] }, 1)).map(told)).toEqual(events.map((event) => `${kind} ${event}`));
  });
});
