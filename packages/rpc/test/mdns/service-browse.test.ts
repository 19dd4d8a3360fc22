import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { BrowseSink, Closer } from "../../src/mdns/backend.ts";
import type { FoundService, ServiceEvent } from "../../src/mdns/service.ts";
import { ServiceBrowse } from "../../src/mdns/service-browse.ts";
import { deferred } from "../../src/util/deferred.ts";
import { service } from "../helpers/mdns.ts";

const query = { type: "_libvirt._tcp", domain: "local", limit: 5 };

async function begun(signal?: AbortSignal): Promise<{ browse: ServiceBrowse; sink: BrowseSink; closed: () => number }> {
  let closed = 0;
  const started = deferred<BrowseSink>();
  const closer: Closer = { close: async () => void closed++ };
  const start = async (sink: BrowseSink): Promise<Closer> => {
    started.resolve(sink);
    return closer;
  };
  const browse = new ServiceBrowse(query, start, signal);
  return { browse, sink: await started.promise, closed: () => closed };
}

describe("ServiceBrowse", () => {
  it("tells up, changed and down, from its birth on", async () => {
    const { browse, sink } = await begun();
    sink.saw("", service("a"));
    expect(await browse.next()).toEqual({ done: false, value: { kind: "up", service: service("a") } });
    sink.saw("", service("a", { port: 2 }));
    expect((await browse.next()).value).toEqual({ kind: "changed", service: service("a", { port: 2 }) });
    sink.lost("", "a");
    expect((await browse.next()).value).toEqual({ kind: "down", service: service("a", { port: 2 }) });
  });

  it("says nothing of what is as it was: order of keys, case of the host", async () => {
    const { browse, sink } = await begun();
    sink.saw("", service("a", { txt: { x: "1", y: "2" } }));
    await browse.next();
    sink.saw("", service("a", { txt: { y: "2", x: "1" }, host: "KVM1.local" }));
    sink.saw("", service("b"));
    expect((await browse.next()).value).toMatchObject({ kind: "up", service: { name: "b" } });
  });

  it("spares a slow reader what came and went, and keeps nothing of it", async () => {
    const { browse, sink } = await begun();
    for (let i = 0; i < 10_000; i++) {
      sink.saw("", service(`flood ${i}`));
      sink.lost("", `flood ${i}`);
    }
    sink.saw("", service("last"));
    expect((await browse.next()).value).toMatchObject({ kind: "up", service: { name: "last" } });
  });

  it("serves readers in the order they came", async () => {
    const { browse, sink } = await begun();
    const both = [browse.next(), browse.next()];
    sink.saw("", service("a"));
    sink.saw("", service("b"));
    const names = (await Promise.all(both)).map(({ value }) => value?.service.name);
    expect(names).toEqual(["a", "b"]);
  });

  it("closes its browser when the loop is left, and gives the end ever after", async () => {
    const { browse, sink, closed } = await begun();
    sink.saw("", service("a"));
    for await (const { service: found } of browse) if (found.name === "a") break;
    expect(closed()).toBe(1);
    expect(await browse.next()).toEqual({ done: true, value: undefined });
    sink.saw("", service("b"));
    expect(await browse.next()).toEqual({ done: true, value: undefined });
    await browse.close();
    expect(closed()).toBe(1);
  });

  it("gives the reason of its signal, once, and closes its browser", async () => {
    const controller = new AbortController();
    const { browse, closed } = await begun(controller.signal);
    const next = browse.next();
    controller.abort(new Error("enough"));
    await expect(next).rejects.toThrow("enough");
    expect(await browse.next()).toEqual({ done: true, value: undefined });
    await browse.close();
    expect(closed()).toBe(1);
  });

  it("ends at once with a signal that has aborted", async () => {
    const browse = new ServiceBrowse(
      query,
      async () => ({ close: async () => {} }),
      AbortSignal.abort(new Error("no")),
    );
    await expect(browse.next()).rejects.toThrow("no");
    await browse.close();
  });

  it("gives the error of a browser that can't start", async () => {
    const browse = new ServiceBrowse(query, () => Promise.reject(new Error("no multicast")));
    await expect(browse.next()).rejects.toThrow("no multicast");
  });

  it("leaves every reader with the true state, whatever happened and whenever they read", async () => {
    const action = fc.tuple(fc.constantFrom("saw", "lost", "read"), fc.integer({ min: 0, max: 8 }), fc.nat({ max: 2 }));
    await fc.assert(
      fc.asyncProperty(fc.array(action, { maxLength: 100 }), async (actions) => {
        const { browse, sink } = await begun();
        const truth = new Map<string, FoundService>();
        const told = new Map<string, FoundService>();
        const take = ({ kind, service: found }: ServiceEvent): void => {
          expect(told.has(found.name)).toBe(kind !== "up");
          if (kind === "down") told.delete(found.name);
          else told.set(found.name, found);
        };
        for (const [what, number, port] of actions) {
          const found = service(String(number), { port: port + 1 });
          if (what === "saw" && (truth.has(found.name) || truth.size < query.limit)) truth.set(found.name, found);
          if (what === "saw") sink.saw("", found);
          else if (what === "lost") {
            truth.delete(found.name);
            sink.lost("", found.name);
          } else if (!same(truth, told)) {
            const { value } = await browse.next();
            if (value !== undefined) take(value);
          }
        }
        while (!same(truth, told)) {
          const { value } = await browse.next();
          if (value !== undefined) take(value);
        }
        await browse.close();
      }),
      { numRuns: 100 },
    );
  });
});

function same(a: ReadonlyMap<string, FoundService>, b: ReadonlyMap<string, FoundService>): boolean {
  return a.size === b.size && [...a].every(([name, found]) => b.get(name)?.port === found.port);
}
