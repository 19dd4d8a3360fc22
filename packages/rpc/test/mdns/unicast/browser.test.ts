import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { BrowseSink } from "../../../src/mdns/backend.ts";
import { browse } from "../../../src/mdns/browse.ts";
import { decodeMessage, RecordType } from "../../../src/mdns/dns/message.ts";
import { encodeName } from "../../../src/mdns/dns/name.ts";
import type { FoundService } from "../../../src/mdns/service.ts";
import { browseUnicast } from "../../../src/mdns/unicast/browser.ts";
import { type RecordDraft, response, word } from "../../helpers/dns.ts";

const domain = "example.org";
const typeName = `_libvirt._tcp.${domain}`;

/** A name server: answers what it has, with what a test makes of the answer. */
class NameServer {
  records: RecordDraft[] = [];
  distort: (answer: Uint8Array, from: { port: number }) => Uint8Array[] = (answer) => [answer];
  asked = 0;
  readonly #socket: Socket = createSocket("udp4");
  address = "";

  async listen(): Promise<void> {
    this.#socket.bind(0, "127.0.0.1");
    await once(this.#socket, "listening");
    this.address = `127.0.0.1:${this.#socket.address().port}`;
    this.#socket.on("message", (packet, from) => {
      this.asked++;
      for (const answer of this.distort(this.#answer(packet), from)) this.#socket.send(answer, from.port, from.address);
    });
  }

  close(): void {
    this.#socket.close();
  }

  #answer(packet: Uint8Array): Uint8Array {
    const { id, questions } = decodeMessage(packet);
    const [asked] = questions;
    if (asked === undefined) return new Uint8Array();
    const named = this.records.filter(({ name }) => name.toLowerCase() === asked.name.toLowerCase());
    const question = Uint8Array.from([...encodeName(asked.name), ...word(asked.type), 0, 1]);
    const found = named.filter(({ type }) => type === asked.type);
    return response(found, { id, flags: named.length > 0 ? 0x8580 : 0x8583, question });
  }
}

function site(name: string, port = 16509): RecordDraft[] {
  const fullName = `${name}.${typeName}`;
  return [
    { name: typeName, type: RecordType.ptr, ttl: 5, target: fullName },
    { name: fullName, type: RecordType.srv, ttl: 5, port, target: "kvm1.example.org" },
    { name: fullName, type: RecordType.txt, ttl: 5, strings: [new TextEncoder().encode("a=b")] },
    { name: "kvm1.example.org", type: RecordType.a, ttl: 5, address: [192, 0, 2, 7] },
  ];
}

describe("browse in unicast DNS", () => {
  let server: NameServer;

  beforeEach(async () => {
    server = new NameServer();
    await server.listen();
  });

  afterEach(() => server.close());

  const look = (limit = 10): ReturnType<typeof browse> =>
    browse("_libvirt._tcp", {
      domain,
      servers: [server.address],
      interval: 50,
      limit,
      signal: AbortSignal.timeout(8000),
    });

  it.each(["plain", "Virtualization Host kvm1", String.raw`kvm1\.example\.org`, "Café ☃"])(
    "finds the service %j",
    async (name) => {
      server.records = site(name);
      await using services = look();
      const { value } = await services.next();
      const found = {
        type: "_libvirt._tcp",
        domain,
        host: "kvm1.example.org",
        port: 16509,
        addresses: ["192.0.2.7"],
        txt: { a: "b" },
      };
      expect(value).toEqual({ kind: "up", service: { name: name.replaceAll("\\", ""), ...found } });
    },
  );

  it("sees changes and ends, by asking again", async () => {
    server.records = site("a b");
    await using services = look();
    await services.next();
    server.records = site("a b", 7);
    expect((await services.next()).value).toMatchObject({ kind: "changed", service: { port: 7 } });
    server.records = [];
    expect((await services.next()).value).toMatchObject({ kind: "down", service: { name: "a b" } });
  });

  it("takes the SRV records of the type where there are no pointers, as in Consul", async () => {
    server.records = [
      { name: typeName, type: RecordType.srv, ttl: 5, port: 16514, target: "kvm2.example.org" },
      { name: "kvm2.example.org", type: RecordType.a, ttl: 5, address: [192, 0, 2, 8] },
    ];
    await using services = look();
    const found = { name: "kvm2.example.org:16514", host: "kvm2.example.org", port: 16514, addresses: ["192.0.2.8"] };
    expect((await services.next()).value).toMatchObject({ kind: "up", service: found });
  });

  it("believes no answer with another number, another question or of garbage", async () => {
    server.records = site("a b");
    server.distort = (answer) => {
      if (decodeMessage(answer).questions[0]?.name !== `a b.${typeName}`) return [answer]; // that is node:dns asking
      const otherId = answer.slice();
      otherId[0] = (otherId[0] ?? 0) ^ 1;
      const otherName = answer.slice();
      otherName[13] = 0x7a;
      return [Uint8Array.of(1, 2), otherId, otherName, answer];
    };
    await using services = look();
    expect((await services.next()).value).toMatchObject({ kind: "up", service: { name: "a b" } });
  });

  it("keeps what it knows while the name server fails", async () => {
    server.records = site("a b");
    const lost: string[] = [];
    const found = new Set<string>();
    const sink: BrowseSink = {
      saw: (_, service: FoundService) => void found.add(service.name),
      lost: (_, name) => void lost.push(name),
      lostAll: () => {},
    };
    const closer = browseUnicast({ type: "_libvirt._tcp", domain, limit: 10 }, sink, {
      servers: [server.address],
      interval: 20,
    });
    await expect.poll(() => found.size).toBe(1);
    server.distort = (answer) => [Uint8Array.from([...answer.slice(0, 3), 0x82, ...answer.slice(4)])];
    const { asked } = server;
    await expect.poll(() => server.asked).toBeGreaterThan(asked + 4);
    await closer.close();
    expect(lost).toEqual([]);
  });

  it("holds no more services than it may", async () => {
    server.records = Array.from({ length: 40 }, (_, i) => site(`n${i}`)).flat();
    await using services = look(3);
    for (let i = 0; i < 3; i++) await services.next();
    const { asked } = server;
    await expect.poll(() => server.asked).toBeGreaterThan(asked + 15);
    const more = await Promise.race([services.next(), Promise.resolve("none")]);
    expect(more).toBe("none");
  });

  it("stops at once, with questions under way", async () => {
    server.distort = () => [];
    const services = look();
    await expect.poll(() => server.asked).toBeGreaterThan(0);
    const next = services.next();
    const before = performance.now();
    await services.close();
    expect(await next).toEqual({ done: true, value: undefined });
    expect(performance.now() - before).toBeLessThan(1000);
  });
});
