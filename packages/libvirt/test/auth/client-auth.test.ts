import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ClientAuth } from "virnet";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { clientAuth } from "../../src/auth/client-auth.ts";
import { remoteAuth } from "../../src/auth/remote-auth.ts";
import { ownSurroundings } from "../../src/surroundings.ts";
import { parseLibvirtUri } from "../../src/uri-parse.ts";

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "virnet-auth-"));
  await mkdir(join(folder, "libvirt"));
});

afterEach(() => rm(folder, { recursive: true }));

const conf = (user: string): string =>
  `[credentials-x]\nauthname=${user}\npassword=${user}-secret\n[auth-libvirt-default]\ncredentials=x\n`;

async function auth(uri: string, env: Record<string, string> = {}, given = {}): Promise<ClientAuth> {
  const surroundings = await ownSurroundings({ HOME: folder, XDG_CONFIG_HOME: folder, ...env });
  return clientAuth(parseLibvirtUri(uri), surroundings, given);
}

const never = new AbortController().signal;

function ask(by: ClientAuth, kind: "authname" | "username" | "passphrase") {
  return by.ask?.({ kind, mechanism: "PLAIN", prompt: null, fallback: null }, never);
}

describe("auth.conf", () => {
  it("is looked for as libvirt does: LIBVIRT_AUTH_FILE, authfile, the user's own", async () => {
    const [own, named, env] = ["libvirt/auth.conf", "named", "env"].map((name) => join(folder, name));
    await writeFile(own ?? "", conf("own"));
    await writeFile(named ?? "", conf("named"));
    await writeFile(env ?? "", conf("env"));
    const uri = `test+tcp://host/default?authfile=${named}`;
    expect(await ask(await auth("test+tcp://host/default"), "authname")).toBe("own");
    expect(await ask(await auth(uri), "authname")).toBe("named");
    expect(await ask(await auth(uri, { LIBVIRT_AUTH_FILE: env ?? "" }), "passphrase")).toBe("env-secret");
  });

  it("must be there when it is named", async () => {
    const by = await auth(`test+tcp://host/default?authfile=${join(folder, "none")}`);
    await expect(ask(by, "authname")).rejects.toThrow("the credentials can't be read: ENOENT");
  });

  it("comes before the callback, and what it has is only its own user's", async () => {
    await writeFile(join(folder, "libvirt/auth.conf"), conf("own").replace("\n", "\nusername=own-role\n"));
    const given = { ask: async () => "typed" };
    expect(await ask(await auth("test+tcp://host/default", {}, given), "passphrase")).toBe("own-secret");
    expect(await ask(await auth("test+tcp://own@host/default", {}, given), "passphrase")).toBe("own-secret");
    expect(await ask(await auth("test+tcp://own@host/default", {}, given), "username")).toBe("own-role");
    const other = await auth("test+tcp://other@host/default", {}, given);
    expect([await ask(other, "passphrase"), await ask(other, "username")]).toEqual(["typed", "typed"]);
  });
});

it("the URI says who, and by what", async () => {
  expect(await auth("qemu+tls://alice@kvm1/system?auth=sasl.SCRAM-SHA-256")).toMatchObject({
    user: "alice",
    type: "sasl",
    mechanism: "SCRAM-SHA-256",
    host: "kvm1",
    binding: remoteAuth,
  });
  expect(await auth("qemu:///system?auth=polkit")).toMatchObject({ type: "polkit", host: "localhost" });
  expect((await auth("qemu+ssh://root@kvm1/system")).user).toBeUndefined();
  const given = { user: "bob", mechanism: "PLAIN" };
  expect(await auth("qemu+tls://alice@kvm1/system?auth=sasl.GSSAPI", {}, given)).toMatchObject(given);
});
