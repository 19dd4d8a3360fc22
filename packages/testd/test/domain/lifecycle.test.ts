import { RpcError } from "virnet";
import { beforeEach, describe, expect, it } from "vitest";
import { setTopText } from "../../src/domain/definition.ts";
import { Impact, State } from "../../src/domain/domain.ts";
import * as lifecycle from "../../src/domain/lifecycle.ts";
import { parseDomain } from "../../src/domain/parse.ts";
import {
  createSnapshot,
  requireSnapshot,
  revertTo,
  SnapshotCreate,
  SnapshotRevert,
} from "../../src/domain/snapshot.ts";
import { emptyHypervisor, type Hypervisor } from "../../src/hypervisor.ts";
import { DEMO_UUID, domainXml } from "../helpers/documents.ts";

let hypervisor: Hypervisor;
let seen: [event: number, detail: number, id: number][];

beforeEach(() => {
  hypervisor = emptyHypervisor();
  seen = [];
  // Who is told, and how, is the hub's affair.
  hypervisor.events.domainLifecycle = ({ id }, event, detail) => seen.push([event, detail, id]);
});

const demo = () => parseDomain(domainXml("demo", { uuid: DEMO_UUID }));

describe("a domain's life", () => {
  it("goes from its definition to its end, and tells of each step", () => {
    const domain = lifecycle.define(hypervisor, demo());
    lifecycle.start(hypervisor, domain);
    lifecycle.suspend(hypervisor, domain);
    lifecycle.resume(hypervisor, domain);
    lifecycle.shutdown(hypervisor, domain);
    lifecycle.undefine(hypervisor, domain);
    expect(seen).toEqual([
      [0, 0, -1],
      [2, 0, 1],
      [3, 0, 1],
      [4, 0, 1],
      [5, 0, -1],
      [1, 0, -1],
    ]);
    expect(hypervisor.domains.all()).toEqual([]);
  });

  it("refuses steps out of order", () => {
    const domain = lifecycle.define(hypervisor, demo());
    expect(() => lifecycle.suspend(hypervisor, domain)).toThrow("internal error: domain 'demo' not running");
    expect(() => lifecycle.resume(hypervisor, domain)).toThrow("internal error: domain 'demo' not paused");
    expect(() => lifecycle.destroy(hypervisor, domain)).toThrow(
      "Requested operation is not valid: domain is not running",
    );
    lifecycle.start(hypervisor, domain);
    expect(() => lifecycle.start(hypervisor, domain)).toThrow("internal error: Domain 'demo' is already running");
  });

  it("lets a transient domain go when it stops", () => {
    const domain = lifecycle.create(hypervisor, demo());
    expect(domain.persistent).toBe(false);
    lifecycle.destroy(hypervisor, domain);
    expect(hypervisor.domains.byName("demo")).toBeNull();
    expect(seen).toEqual([
      [2, 0, 1],
      [5, 1, -1],
    ]);
  });

  it("keeps a running domain that is undefined until it stops", () => {
    const domain = lifecycle.define(hypervisor, demo());
    lifecycle.start(hypervisor, domain);
    lifecycle.undefine(hypervisor, domain);
    expect(domain.persistent).toBe(false);
    lifecycle.destroy(hypervisor, domain);
    expect(hypervisor.domains.all()).toEqual([]);
  });

  it("follows the description when the guest leaves", () => {
    const domain = lifecycle.define(hypervisor, demo());
    lifecycle.start(hypervisor, domain);
    lifecycle.reboot(hypervisor, domain);
    expect(domain.state).toBe(State.RUNNING);
    setTopText(domain.running(), "on_reboot", "destroy");
    lifecycle.reboot(hypervisor, domain);
    expect(domain.state).toBe(State.SHUTOFF);
  });

  it("keeps what runs and what will run apart", () => {
    const domain = lifecycle.define(hypervisor, demo());
    lifecycle.start(hypervisor, domain);
    for (const definition of domain.affected(Impact.LIVE)) setTopText(definition, "title", "now");
    for (const definition of domain.affected(Impact.CONFIG)) setTopText(definition, "title", "next");
    expect([domain.current, domain.config].map((each) => JSON.stringify(each.children))).toEqual([
      expect.stringContaining("now"),
      expect.stringContaining("next"),
    ]);
    lifecycle.undefine(hypervisor, domain);
    expect(() => domain.affected(Impact.CONFIG)).toThrow("transient domains do not have any persistent config");
  });

  it.each([
    ["the same UUID", "other", DEMO_UUID, `domain 'demo' is already defined with uuid ${DEMO_UUID}`],
    ["the same name", "demo", undefined, `domain 'demo' already exists with uuid ${DEMO_UUID}`],
  ])("refuses a second domain of %s", (_, name, uuid, message) => {
    lifecycle.define(hypervisor, demo());
    const other = parseDomain(domainXml(name, uuid === undefined ? {} : { uuid }));
    expect(() => lifecycle.define(hypervisor, other)).toThrow(`operation failed: ${message}`);
  });

  it("renames with two events", () => {
    const domain = lifecycle.define(hypervisor, demo());
    lifecycle.rename(hypervisor, domain, "other");
    expect(hypervisor.domains.byName("other")).toBe(domain);
    expect(seen.slice(1)).toEqual([
      [1, 1, -1],
      [0, 2, -1],
    ]);
  });

  it("takes no more domains than it has room for", () => {
    const define = (count: number): void => {
      for (let i = 0; i < count; i++) lifecycle.define(hypervisor, parseDomain(domainXml(`d${i}`)));
    };
    expect(() => define(4097)).toThrow(RpcError);
    expect(hypervisor.domains.all()).toHaveLength(4096);
  }, 120_000);
});

describe("snapshots", () => {
  const take = (name: string, flags = 0) => {
    const domain = hypervisor.domains.byName("demo") ?? lifecycle.define(hypervisor, demo());
    return createSnapshot(hypervisor, domain, `<domainsnapshot><name>${name}</name></domainsnapshot>`, flags);
  };

  it("bring a domain back to its state", () => {
    const domain = lifecycle.define(hypervisor, demo());
    lifecycle.start(hypervisor, domain);
    take("running");
    lifecycle.suspend(hypervisor, domain);
    take("paused", SnapshotCreate.HALT);
    expect(domain.state).toBe(State.SHUTOFF);
    seen = [];
    revertTo(hypervisor, domain, requireSnapshot(domain, "running"), 0);
    revertTo(hypervisor, domain, requireSnapshot(domain, "running"), SnapshotRevert.PAUSED);
    expect(seen).toEqual([
      [2, 3, 2],
      [5, 6, -1],
      [2, 3, 3],
      [3, 5, 3],
    ]);
    expect([domain.state, domain.reason]).toEqual([State.PAUSED, 7]);
  });

  it("stand below the one that was current, and close up when one goes", () => {
    const [a, b, c] = ["a", "b", "c"].map((name) => take(name));
    const { snapshots } = hypervisor.domains.all()[0] ?? {};
    if (snapshots === undefined || a === undefined || b === undefined || c === undefined) throw new Error("missing");
    expect(snapshots.descendants("a").map(({ name }) => name)).toEqual(["b", "c"]);
    snapshots.remove(b);
    expect(snapshots.get("c")?.parent).toBe("a");
    snapshots.removeTree(a, true);
    expect(snapshots.all()).toEqual([a]);
    expect(snapshots.current).toBe(a);
  });

  it("have one name each", () => {
    take("a");
    expect(() => take("a")).toThrow("operation failed: domain moment a already exists");
  });
});
