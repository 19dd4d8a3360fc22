import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeMessage, RecordType } from "../../../src/mdns/dns/message.ts";
import { Knowledge } from "../../../src/mdns/embedded/knowledge.ts";
import type { FoundService } from "../../../src/mdns/service.ts";
import { announcement, type RecordDraft, response } from "../../helpers/dns.ts";
import { service } from "../../helpers/mdns.ts";

const type = "_libvirt._tcp";
const typeName = `${type}.local`;

class World {
  readonly now = new Map<string, FoundService>();
  readonly knowledge: Knowledge;
  at = 0;

  constructor(limit = 100) {
    const changed = (name: string, found: FoundService | undefined): void => {
      if (found === undefined) this.now.delete(name);
      else this.now.set(name, found);
    };
    this.knowledge = new Knowledge({ type, domain: "local", limit, changed });
  }

  hear(records: readonly RecordDraft[], zone?: string): void {
    this.knowledge.learn(decodeMessage(response(records)).records, zone, this.at);
  }

  pass(seconds: number): void {
    this.at += seconds * 1000;
    this.knowledge.expire(this.at);
  }
}

describe("Knowledge", () => {
  it("is a service once pointer, place, text and an address are told, in any order of records", () => {
    fc.assert(
      fc.property(fc.shuffledSubarray(announcement(typeName, "a"), { minLength: 4 }), (records) => {
        const world = new World();
        world.hear(records);
        expect([...world.now.values()]).toEqual([service("a", { txt: { a: "b" } })]);
      }),
    );
  });

  it("asks for what is missing, and only for that", () => {
    const world = new World();
    const [pointer, place, text] = announcement(typeName, "a b");
    world.hear([pointer ?? never()]);
    expect(world.knowledge.questions(9, world.at)).toEqual([
      { name: `a b.${typeName}`, type: RecordType.srv },
      { name: `a b.${typeName}`, type: RecordType.txt },
    ]);
    world.hear([place ?? never(), text ?? never()]);
    expect(world.knowledge.questions(9, world.at)).toEqual([
      { name: "kvm1.local", type: RecordType.a },
      { name: "kvm1.local", type: RecordType.aaaa },
    ]);
    expect(world.knowledge.questions(9, world.at)).toEqual([]);
  });

  it("believes nothing that leads nowhere: other types, unknown hosts, names of another type", () => {
    const world = new World();
    world.hear([
      { name: "_http._tcp.local", type: RecordType.ptr, ttl: 120, target: "x._http._tcp.local" },
      { name: typeName, type: RecordType.ptr, ttl: 120, target: "x._http._tcp.local" },
      { name: typeName, type: RecordType.ptr, ttl: 120, target: "local" },
      { name: "stranger.local", type: RecordType.a, ttl: 120, address: [192, 0, 2, 66] },
      { name: `b.${typeName}`, type: RecordType.srv, ttl: 120, port: 1, target: "stranger.local" },
    ]);
    expect([world.knowledge.size, world.knowledge.due]).toEqual([0, Number.POSITIVE_INFINITY]);
  });

  it("forgets a service a second after its goodbye", () => {
    const world = new World();
    world.hear(announcement(typeName, "a"));
    world.hear([{ name: typeName, type: RecordType.ptr, ttl: 0, target: `A.${typeName.toUpperCase()}` }]);
    world.pass(0.9);
    expect(world.now.size).toBe(1);
    world.pass(0.1);
    expect([world.now.size, world.knowledge.size]).toEqual([0, 0]);
  });

  it("forgets a service when its time is over, after asking four times", () => {
    const world = new World();
    world.hear(announcement(typeName, "a", { ttl: 100 }));
    const asked: number[] = [];
    for (let seconds = 0; seconds < 100; seconds++) {
      if (world.knowledge.isPointerDue(world.at)) asked.push(seconds);
      world.pass(1);
    }
    expect(asked).toEqual([80, 85, 90, 95]);
    expect(world.knowledge.size).toBe(0);
  });

  it("follows a service to another host", () => {
    const world = new World();
    world.hear(announcement(typeName, "a"));
    world.hear(announcement(typeName, "a", { host: "kvm2.local", port: 7, address: [192, 0, 2, 2] }));
    const moved = { host: "kvm2.local", port: 7, addresses: ["192.0.2.2"], txt: { a: "b" } };
    expect([...world.now.values()]).toEqual([service("a", moved)]);
  });

  it("replaces addresses older than a second when the sender says so", () => {
    const world = new World();
    world.hear(announcement(typeName, "a"));
    world.pass(2);
    world.hear([{ name: "kvm1.local", type: RecordType.a, ttl: 120, flush: true, address: [192, 0, 2, 9] }]);
    world.pass(1.1);
    expect([...world.now.values()].flatMap(({ addresses }) => addresses)).toEqual(["192.0.2.9"]);
  });

  it("knows a link-local address together with its interface only", () => {
    const world = new World();
    const address = [0xfe, 0x80, ...Array<number>(13).fill(0), 1];
    const local = { name: "kvm1.local", type: RecordType.aaaa, ttl: 120, address };
    world.hear([...announcement(typeName, "a"), local]);
    world.hear([local], "eth0");
    expect([...world.now.values()].flatMap(({ addresses }) => addresses)).toEqual(["192.0.2.1", "fe80::1%eth0"]);
  });

  it("takes a place without a host, or with port 0, for none (RFC 2782)", () => {
    const world = new World();
    world.hear(announcement(typeName, "a", { host: "" }));
    world.hear(announcement(typeName, "b", { port: 0 }));
    expect(world.now.size).toBe(0);
  });

  it("makes room for a service by forgetting a name that nobody answers for", () => {
    const world = new World(3);
    for (const name of ["x", "y", "z"])
      world.hear([{ name: typeName, type: RecordType.ptr, ttl: 4500, target: `${name}.${typeName}` }]);
    world.hear(announcement(typeName, "real"));
    expect(world.now.size).toBe(0);
    for (let seconds = 0; seconds < 15; seconds++) {
      world.knowledge.questions(9, world.at);
      world.pass(1);
    }
    world.hear(announcement(typeName, "real"));
    expect([world.now.size, world.knowledge.size]).toEqual([1, 3]);
  });

  it("does not grow under a flood: 20 000 names, 20 000 addresses of one host", () => {
    const world = new World(50);
    world.hear(announcement(typeName, "a"));
    for (let i = 0; i < 20_000; i++) {
      const address = [10, (i >> 16) & 255, (i >> 8) & 255, i & 255];
      world.hear([
        { name: typeName, type: RecordType.ptr, ttl: 4500, target: `flood ${i}.${typeName}` },
        { name: "kvm1.local", type: RecordType.a, ttl: 4500, address },
      ]);
    }
    expect(world.knowledge.size).toBe(50);
    expect(world.now.get("a")?.addresses).toHaveLength(32);
    expect(world.knowledge.questions(4, world.at).length).toBeLessThanOrEqual(4);
  });

  it("stays within its bounds whatever records come and however time passes", () => {
    const name = fc.constantFrom("a", "b", "c", "d", "e", "f");
    const host = fc.constantFrom("kvm1.local", "kvm2.local", "");
    const ttl = fc.constantFrom(0, 1, 120, 4500, 2 ** 31 - 1);
    const records = fc
      .tuple(name, host, ttl, fc.nat({ max: 3 }))
      .map(([of, by, life, port]) => announcement(typeName, of, { host: by, ttl: life, port }));
    const some = records.chain((all) => fc.shuffledSubarray(all));
    fc.assert(
      fc.property(fc.array(fc.tuple(some, fc.nat({ max: 100 })), { maxLength: 60 }), (steps) => {
        const world = new World(4);
        for (const [heard, seconds] of steps) {
          world.hear(heard);
          world.knowledge.questions(4, world.at);
          world.knowledge.isPointerDue(world.at);
          world.pass(seconds);
          expect(world.knowledge.size).toBeLessThanOrEqual(4);
          expect(world.now.size).toBeLessThanOrEqual(world.knowledge.size);
        }
        for (let days = 0; days < 3; days++) world.pass(86_400);
        expect([world.knowledge.size, world.now.size, world.knowledge.due]).toEqual([0, 0, Number.POSITIVE_INFINITY]);
      }),
      { numRuns: 200 },
    );
  });
});

function never(): never {
  throw new Error("the announcement has four records");
}
