import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import net from "node:net";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { Libvirt } from "@virnet/libvirt";
import { Remote } from "@virnet/libvirt/remote";
import { loadUnix } from "@virnet/native/unix";
import { Server, type UnixNative } from "virnet/server";
import { afterAll, assert, beforeAll, expect, it } from "vitest";
import { spawnTestd } from "./helpers/daemon.ts";
import { describeWithNamespace, describeWithPeers } from "./helpers/peers.ts";
import { type Settings, testbed } from "./helpers/testbed.ts";

const DOMAIN = `<domain type='test'><name>passed</name><memory unit='KiB'>8192</memory><vcpu>1</vcpu>
<os><type arch='i686'>hvm</type></os></domain>`;

let folder = "";
let unix: UnixNative;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "descriptors-"));
  unix = await loadUnix();
});

afterAll(() => rm(folder, { recursive: true }));

/** virsh with these descriptors as its 3, 4, …; its exit status and all it said. */
async function virshWith(files: readonly number[], ...args: string[]): Promise<string> {
  const child = spawn("virsh", args, { stdio: ["ignore", "pipe", "pipe", ...files] });
  const said: string[] = [];
  for (const stream of [child.stdout, child.stderr]) stream?.on("data", (chunk: Buffer) => said.push(String(chunk)));
  const [status] = (await once(child, "close")) as [number];
  return `${status}: ${said.join("").trim()}`;
}

function file(name: string, content: string): number {
  const path = join(folder, name);
  writeFileSync(path, content);
  return openSync(path, "r");
}

function drained(descriptor: number): string {
  const text = readFileSync(descriptor, "utf8");
  closeSync(descriptor);
  return text;
}

const descriptorsOf = async (pid: number | "self"): Promise<number> => (await readdir(`/proc/${pid}/fd`)).length;

describeWithPeers(["virsh"], "descriptors from virsh", () => {
  it("reach a handler in their order, whatever was in them", async () => {
    const got: string[] = [];
    const server = new Server({ name: "passing" }).add(Remote, {
      authList: () => ({ types: [0] }),
      connectSupportsFeature: () => ({ supported: 1 }),
      connectOpen: () => {},
      connectClose: (_, { client }) => client.close(),
      connectRegisterCloseCallback: () => {},
      connectUnregisterCloseCallback: () => {},
      domainCreateXmlWithFiles: (_, { descriptors }) => {
        got.push(...descriptors.takeAll().map(drained));
        return { dom: { name: "passed", uuid: new Uint8Array(16), id: 7 } };
      },
    });
    const path = join(folder, "handler.sock");
    await server.listen({ path }, { unix });
    const files = [file("a", "first"), file("b", "second")];
    writeFileSync(join(folder, "domain.xml"), DOMAIN);
    const uri = `test+unix:///default?socket=${path}`;
    const said = await virshWith(files, "-c", uri, "create", join(folder, "domain.xml"), "--pass-fds", "4,3");
    expect(said).toContain("0: Domain 'passed' created");
    expect(got).toEqual(["second", "first"]);
    const [identity] = [...server.clients].map((client) => client.identity);
    expect(identity?.unix?.uid ?? process.getuid?.()).toBe(process.getuid?.());
    for (const descriptor of files) closeSync(descriptor);
    await server.close();
  });

  it("are taken by testd, which knows virsh by its process and leaves none behind", async () => {
    const path = join(folder, "testd.sock");
    await using testd = await spawnTestd(["--socket", path, "--native", "--clients"]);
    writeFileSync(join(folder, "domain.xml"), DOMAIN);
    const uri = `test+unix:///default?socket=${path}`;
    const files = [openSync("/dev/null", "r"), openSync("/dev/null", "r")];
    const before = await descriptorsOf(testd.pid);
    const run = (...args: string[]): Promise<string> => virshWith(files, "-c", uri, ...args);
    for (let n = 0; n < 5; n++)
      expect(await run("create", join(folder, "domain.xml"), "--pass-fds", "3,4")).toContain(
        "0: Domain 'passed' created",
      );
    expect(await run("destroy test; start --domain test --pass-fds 3; list")).toMatch(/started.*test +running/s);
    expect(await descriptorsOf(testd.pid)).toBe(before);
    const [line = ""] = testd.stderr().split("\n");
    expect(JSON.parse(line)).toMatchObject({
      event: "opened",
      identity: { unix: { uid: process.getuid?.(), userName: userInfo().username, pid: expect.any(Number) } },
    });
    for (const descriptor of files) closeSync(descriptor);
  });

  it("stay with virsh where testd says that it can't take them", async () => {
    const path = join(folder, "plain.sock");
    await using _ = await spawnTestd(["--socket", path]);
    const uri = `test+unix:///default?socket=${path}`;
    const files = [openSync("/dev/null", "r")];
    const said = await virshWith(files, "-c", uri, "create", join(folder, "domain.xml"), "--pass-fds", "3");
    expect(said).toContain("1: error: Failed to create domain");
    expect(said).toContain("fd passing is not supported by this connection");
    expect(await virshWith([], "-c", uri, "list")).toContain("running");
    closeSync(files[0] ?? -1);
  });
});

describeWithPeers(["libvirtd"], "descriptors to libvirtd", () => {
  let settings: Settings<"libvirtd">;

  beforeAll(async () => {
    settings = await testbed("libvirtd");
  });

  it("go with a domain that is created", async () => {
    await using hypervisor = await Libvirt.open(settings.LIBVIRTD_UNIX_URI, { unix });
    const files = [file("c", "x"), openSync("/dev/null", "r")];
    const before = await descriptorsOf(Number(settings.LIBVIRTD_PID));
    const domain = await hypervisor.createDomain(DOMAIN, { files });
    expect((await domain.state()).state).toBe("running");
    await domain.destroy();
    expect(await descriptorsOf(Number(settings.LIBVIRTD_PID))).toBe(before);
    for (const descriptor of files) closeSync(descriptor);
  });

  it("are refused before they are sent, over TCP and without the native part", async () => {
    const open = openSync("/dev/null", "r");
    for (const [uri, options] of [
      [settings.LIBVIRTD_TCP_URI, { unix }],
      [settings.LIBVIRTD_UNIX_URI, {}],
    ] as const) {
      await using hypervisor = await Libvirt.open(uri, options);
      await expect(hypervisor.createDomain(DOMAIN, { files: [open] })).rejects.toThrow(
        "descriptors can only be passed over a UNIX socket",
      );
      expect(await hypervisor.hostname()).not.toBe("");
    }
    closeSync(open);
  });
});

describeWithNamespace(["libvirtd", "qemu-system-x86_64"], "a guest's screen", () => {
  let settings: Settings<"guest">;

  beforeAll(async () => {
    settings = await testbed("guest");
  });

  /** The first words of a VNC server. */
  async function greeting(socket: net.Socket): Promise<string> {
    const [chunk] = (await once(socket, "data")) as [Buffer];
    socket.destroy();
    return chunk.toString("latin1");
  }

  it("is opened by a descriptor that the daemon gives", async () => {
    const before = await descriptorsOf("self");
    const hypervisor = await Libvirt.open(settings.GUEST_URI, { unix });
    const domain = await hypervisor.domainByName(settings.GUEST_NAME);
    const descriptor = await domain.openGraphicsFd({ skipAuthentication: true });
    expect(await greeting(new net.Socket({ fd: descriptor }))).toMatch(/^RFB 003/);
    await hypervisor.close();
    await new Promise((fulfil) => {
      setImmediate(fulfil);
    });
    expect(await descriptorsOf("self")).toBe(before);
  });

  it("is joined to a socket that we pass", async () => {
    const path = join(folder, "screen.sock");
    const listening = net.createServer({ pauseOnConnect: true }).listen(path);
    await once(listening, "listening");
    const mine = net.connect(path);
    const [theirs] = (await once(listening, "connection")) as [net.Socket];
    const { _handle: handle } = theirs as unknown as { _handle: { fd: number } };
    await using hypervisor = await Libvirt.open(settings.GUEST_URI, { unix });
    const domain = await hypervisor.domainByName(settings.GUEST_NAME);
    await domain.openGraphics(handle.fd, { skipAuthentication: true });
    theirs.destroy();
    expect(await greeting(mine)).toMatch(/^RFB 003/);
    listening.close();
  });
});

it("python, which sends two descriptors on one byte, is hung up on, and neither is left", async () => {
  const path = join(folder, "two.sock");
  const server = new Server({ name: "two" }).add(Remote, { authList: () => ({ types: [0] }) });
  await server.listen({ path }, { unix });
  const script = `
import array, socket, struct
s = socket.socket(socket.AF_UNIX); s.connect(${JSON.stringify(path)})
s.sendall(struct.pack(">IIIiIIII", 32, 0x20008086, 1, 66, 4, 0, 0, 1))
s.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [0, 1]))])
print(s.recv(100))`;
  const before = await descriptorsOf("self");
  const child = execFile("python3", ["-c", script]);
  assert(child.stdout !== null);
  const [said] = (await once(child.stdout, "data")) as [string];
  expect(said.trim()).toBe("b''");
  await once(child, "close");
  expect(await descriptorsOf("self")).toBeLessThanOrEqual(before);
  await server.close();
});
