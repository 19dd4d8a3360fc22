import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ConnectionError, RpcError } from "virnet";
import { type Handlers, Server } from "virnet/server";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Remote, type RemoteProcedures } from "../src/gen/remote.ts";
import { Libvirt } from "../src/libvirt.ts";

const dom = { name: "web1", uuid: new Uint8Array(16).fill(0x11), id: 4 };

/** What the client asked, in order. */
const asked: string[] = [];

/** A server that opens, and knows one domain. */
const opening: Handlers<RemoteProcedures> = {
  authList: () => ({ types: [0] }),
  connectSupportsFeature({ feature }) {
    asked.push(`feature ${feature}`);
    return { supported: 1 };
  },
  connectOpen({ name, flags }) {
    asked.push(`open ${name} ${flags}`);
  },
  connectClose: (_, { client }) => client.close(),
  connectGetUri: () => ({ uri: "probed:///system" }),
  domainLookupByName: () => ({ dom }),
};

let server: Server;
let folder: string;

beforeEach(async () => {
  asked.length = 0;
  folder = await mkdtemp(join(tmpdir(), "libvirt-"));
});
afterEach(async () => {
  await server.close();
  await rm(folder, { recursive: true, force: true });
});

describe("opening", () => {
  it("makes the calls that libvirt's own client makes", async () => {
    const uri = await serve(opening);
    await using hypervisor = await Libvirt.open(uri, { readonly: true });
    expect(hypervisor.uri).toBe("test:///default");
    expect(asked).toEqual(["feature 10", "open test:///default 1", "feature 14", "feature 15"]);
  });

  it("asks what was opened when the name is empty", async () => {
    const uri = (await serve(opening)).replace("test+unix", "remote+unix");
    await using hypervisor = await Libvirt.open(uri);
    expect(hypervisor.uri).toBe("probed:///system");
  });

  it("needs no answer to the question for authentication", async () => {
    const { authList: _, ...old } = opening;
    await using hypervisor = await Libvirt.open(await serve(old));
    expect(hypervisor.uri).toBe("test:///default");
  });

  it("says which authentication it lacks, and leaves no connection", async () => {
    const uri = await serve({ ...opening, authList: () => ({ types: [1] }) });
    await expect(Libvirt.open(uri)).rejects.toMatchObject({ code: 3 });
    await vi.waitFor(() => expect([...server.clients]).toEqual([]));
  });

  it("leaves no connection when the server refuses to open", async () => {
    const refuse = (): never => {
      throw new RpcError("no connection driver available", { code: 5 });
    };
    const uri = await serve({ ...opening, connectOpen: refuse });
    await expect(Libvirt.open(uri)).rejects.toMatchObject({ code: 5 });
    await vi.waitFor(() => expect([...server.clients]).toEqual([]));
  });

  it("ends with its signal when the server does not answer", async () => {
    const uri = await serve({ ...opening, connectOpen: () => new Promise(() => {}) });
    await expect(Libvirt.open(uri, { signal: AbortSignal.timeout(30) })).rejects.toMatchObject({
      name: "TimeoutError",
    });
  });
});

describe("a domain", () => {
  it("is named by its text UUID and has an id only while it runs", async () => {
    await using hypervisor = await Libvirt.open(await serve(opening));
    const domain = await hypervisor.domainByName("web1");
    expect([domain.name, domain.uuid, domain.id]).toEqual(["web1", "11111111-1111-1111-1111-111111111111", 4]);
  });

  it("has a state by name, also one that came after us", async () => {
    const states = [5, 99];
    const domainGetState = () => ({ state: states.shift() ?? 0, reason: 2 });
    await using hypervisor = await Libvirt.open(await serve({ ...opening, domainGetState }));
    const domain = await hypervisor.domainByName("web1");
    expect(await domain.state()).toEqual({ state: "shutoff", number: 5, reason: 2 });
    expect(await domain.state()).toEqual({ state: "unknown", number: 99, reason: 2 });
  });

  it("is not looked up by what is no UUID", async () => {
    await using hypervisor = await Libvirt.open(await serve(opening));
    await expect(hypervisor.domainByUuid("web1")).rejects.toThrow('"web1" is no UUID');
  });
});

describe("closing", () => {
  it("is done once, however often it is asked for", async () => {
    const hypervisor = await Libvirt.open(await serve(opening));
    await Promise.all([hypervisor.close(), hypervisor.close()]);
    await hypervisor.close();
    await expect(hypervisor.hostname()).rejects.toBeInstanceOf(ConnectionError);
  });

  it("leaves no connection when the server takes no goodbye", async () => {
    const connectClose = (): never => {
      throw new RpcError("not now");
    };
    const hypervisor = await Libvirt.open(await serve({ ...opening, connectClose }));
    await expect(hypervisor.close()).rejects.toThrow("not now");
    await vi.waitFor(() => expect([...server.clients]).toEqual([]));
  });
});

async function serve(handlers: Handlers<RemoteProcedures>): Promise<string> {
  server = new Server({ name: "double" }).add(Remote, handlers);
  const path = join(folder, "sock");
  await server.listen({ path });
  return `test+unix:///default?socket=${path}`;
}
