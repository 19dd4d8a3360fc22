import { getResponder, type Responder } from "@homebridge/ciao";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { guardResponder, nameLikeAvahi } from "../../../src/mdns/embedded/ciao-guards.ts";

/** Republishing as ciao itself calls it, when somebody claims our name. */
async function republish(responder: Responder, ...args: unknown[]): Promise<void> {
  const method: unknown = Reflect.get(responder, "republishService");
  if (typeof method === "function") await Reflect.apply(method, responder, args);
}

describe("ciao on its leash", () => {
  let responder: Responder;
  const notices: string[] = [];

  beforeEach(() => {
    notices.length = 0;
    responder = getResponder({ interface: ["lo"] });
    guardResponder(responder, (text) => notices.push(text));
  });

  afterEach(() => responder.shutdown());

  it("has the method that ends the process when it fails, and is told of no failure", async () => {
    const service = responder.createService({ name: "a", type: "libvirt", port: 1, hostname: "a.local" });
    const told: unknown[] = [];
    await republish(responder, service, (error: unknown) => told.push(error));
    expect(told).toEqual([]);
    expect(notices).toEqual([expect.stringContaining("could not be announced again")]);
  });

  it("is guarded once, however many services share it", () => {
    const before: unknown = Reflect.get(responder, "republishService");
    guardResponder(responder, () => {});
    expect(Reflect.get(responder, "republishService")).toBe(before);
  });

  it("names as Avahi does", () => {
    const service = responder.createService({ name: "echo", type: "libvirt", port: 1, hostname: "h.local" });
    nameLikeAvahi(service, "echo");
    const names = [0, 1].map(() => {
      service.incrementName();
      return service.getFQDN();
    });
    expect(names).toEqual(["echo #2._libvirt._tcp.local.", "echo #3._libvirt._tcp.local."]);
    expect(service.srvRecord().getLowerCasedName()).toBe("echo #3._libvirt._tcp.local.");
  });
});

describe("a version of ciao that is not known", () => {
  it("is refused", () => {
    // Anything without the method will do.
    expect(() => guardResponder({} as unknown as Responder, () => {})).toThrow("not known");
  });
});
