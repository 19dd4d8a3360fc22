import { Libvirt } from "@virnet/libvirt";
import { ConnectionError, RpcError } from "virnet";
import { beforeAll, describe, expect, it } from "vitest";
import { describeWithPeers } from "./helpers/peers.ts";
import { libvirtdWith, type Settings, testbed } from "./helpers/testbed.ts";

const definition = `<domain type='test'>
  <name>guest</name>
  <memory unit='MiB'>64</memory>
  <os><type arch='i686'>hvm</type></os>
</domain>`;

describeWithPeers(["libvirtd", "virsh"], "our client with a real libvirtd", () => {
  let settings: Settings<"libvirtd">;

  beforeAll(async () => {
    settings = await testbed("libvirtd");
  });

  describe.each(["LIBVIRTD_UNIX_URI", "LIBVIRTD_TCP_URI"] as const)("over %s", (key) => {
    it("lists what is there", async () => {
      await using hypervisor = await Libvirt.open(settings[key]);
      const domains = await hypervisor.domains();
      expect(domains.map(({ name, id }) => ({ name, id }))).toEqual([{ name: "test", id: 1 }]);
      expect(await domains[0]?.state()).toEqual({ state: "running", number: 1, reason: 0 });
      expect(await domains[0]?.xml()).toContain("<name>test</name>");
    });

    it("tells about the host", async () => {
      await using hypervisor = await Libvirt.open(settings[key]);
      expect(await hypervisor.hostInfo()).toMatchObject({ model: "i686", cpus: 16, memory: 3_145_728n });
      expect(await hypervisor.driver()).toBe("TEST");
      expect(await hypervisor.libvirtVersion()).toMatch(/^\d+\.\d+\.\d+$/);
      expect(await hypervisor.capabilities()).toContain("<capabilities>");
    });

    it("takes a domain through its life and hears of each step", async () => {
      await using hypervisor = await Libvirt.open(settings[key]);
      const events = hypervisor.events({ kinds: ["domain-lifecycle"], signal: AbortSignal.timeout(20_000) });
      await events.ready;
      const domain = await hypervisor.defineDomain(definition);
      const started = await domain.create();
      await domain.suspend();
      expect((await domain.state()).state).toBe("paused");
      await domain.resume();
      await domain.destroy();
      expect(await domain.isActive()).toBe(false);
      await domain.undefine();
      const heard: string[] = [];
      for await (const item of events) {
        if (item.kind !== "domain-lifecycle") continue;
        heard.push(`${item.domain.name} ${item.event}`);
        if (item.event === "undefined") break;
      }
      expect(started.id).not.toBeNull();
      expect(heard).toEqual(
        ["defined", "started", "suspended", "resumed", "stopped", "undefined"].map((event) => `guest ${event}`),
      );
    });

    it("hears only of the domain it asked about", async () => {
      await using hypervisor = await Libvirt.open(settings[key]);
      const test = await hypervisor.domainByName("test");
      const events = hypervisor.events({ domain: test, signal: AbortSignal.timeout(20_000) });
      await events.ready;
      const other = await hypervisor.createDomain(definition);
      await other.destroy();
      await test.suspend();
      await test.resume();
      const first = await events.next();
      expect(first.value).toMatchObject({ domain: { name: "test" }, event: "suspended" });
    });

    it("gets all replies of 1,000 calls in flight, through the server's window of five", async () => {
      await using hypervisor = await Libvirt.open(settings[key]);
      const names = await Promise.all(
        Array.from({ length: 1000 }, async (_, i) => {
          const domain = await hypervisor.remote.domainLookupByName({ name: i % 10 === 0 ? "nosuch" : "test" }).then(
            ({ dom }) => dom.name,
            (error: unknown) => (error instanceof RpcError ? error.code : error),
          );
          return domain;
        }),
      );
      expect(names).toEqual(names.map((_, i) => (i % 10 === 0 ? 42 : "test")));
    });
  });

  it("keeps all that an error says", async () => {
    await using hypervisor = await Libvirt.open(settings.LIBVIRTD_UNIX_URI);
    await expect(hypervisor.domainByName("nosuch")).rejects.toMatchObject({
      name: "RpcError",
      code: 42,
      domain: 12,
      level: 2,
      message: "Domain not found",
      str1: "Domain not found",
      str2: null,
    });
    const unknownEvent = hypervisor.remote.connectDomainEventCallbackRegisterAny({ eventID: 99, dom: null });
    await expect(unknownEvent).rejects.toMatchObject({
      code: 1,
      message: "internal error: unsupported event ID 99",
      str1: "internal error: %s",
      str2: "unsupported event ID 99",
      int1: -1,
      int2: -1,
    });
  });

  it("says that a server lacks a procedure", async () => {
    await using hypervisor = await Libvirt.open(settings.LIBVIRTD_UNIX_URI);
    // 12.5 has it, 9.0 does not.
    const call = hypervisor.remote.domainAnnounceInterface;
    const dom = (await hypervisor.domainByName("test")).reference;
    await expect(call({ dom, device: null, params: [], flags: 0 })).rejects.toMatchObject({ code: 3 });
  });

  it("may not write through a read-only connection", async () => {
    await using hypervisor = await Libvirt.open(settings.LIBVIRTD_UNIX_URI, { readonly: true });
    const domain = await hypervisor.domainByName("test");
    await expect(domain.destroy()).rejects.toMatchObject({ code: 29 });
  });

  it("calls programs besides the remote one on the same connection", async () => {
    await using hypervisor = await Libvirt.open(settings.LIBVIRTD_UNIX_URI);
    const { reference } = await hypervisor.domainByName("test");
    const args = { dom: reference, cmd: "info status", flags: 1 };
    await expect(hypervisor.qemu.domainMonitorCommand(args)).rejects.toBeInstanceOf(RpcError);
  });

  it("cancels a call, and drops its late reply", async () => {
    await using hypervisor = await Libvirt.open(settings.LIBVIRTD_UNIX_URI);
    const abort = new AbortController();
    const call = hypervisor.hostname({ signal: abort.signal });
    abort.abort(new Error("enough"));
    await expect(call).rejects.toThrow("enough");
    expect(await hypervisor.hostname()).not.toBe("");
    expect(hypervisor.client.lateReplies).toBe(1);
  });

  it("is told why when libvirtd does not open the URI", async () => {
    const uri = settings.LIBVIRTD_UNIX_URI.replace("test+unix:///default", "nosuch+unix:///default");
    await expect(Libvirt.open(uri)).rejects.toMatchObject({ name: "RpcError", code: 5 });
  });

  it("says so when nobody listens", async () => {
    await expect(Libvirt.open("test+tcp://127.0.0.1:1/default")).rejects.toMatchObject({
      name: "ConnectionError",
      message: "127.0.0.1:1: nobody listens there (ECONNREFUSED)",
    });
  });
});

describeWithPeers(["libvirtd", "virsh"], "a libvirtd that is killed", () => {
  it("ends every call, and the events, with an error that says so", async () => {
    const victim = await libvirtdWith("victim", []);
    await using hypervisor = await Libvirt.open(victim.unixUri);
    const events = hypervisor.events({ kinds: ["domain-lifecycle"] });
    await events.ready;
    const calls = Array.from({ length: 2000 }, () => hypervisor.hostname());
    await calls[20];
    process.kill(victim.pid, "SIGKILL");
    const outcomes = await Promise.allSettled(calls);
    const failures = outcomes.flatMap((outcome) => (outcome.status === "rejected" ? [outcome.reason as unknown] : []));
    const closed = await hypervisor.closed;
    expect(closed.reason).toBe("eof");
    expect(failures.length).toBeGreaterThan(0);
    expect(failures.every((failure) => failure instanceof ConnectionError)).toBe(true);
    await expect(hypervisor.hostname()).rejects.toMatchObject({ delivery: "not-sent", cause: closed });
    await expect(events.next()).rejects.toBe(closed);
    expect(hypervisor.client.pending).toBe(0);
  });
});
