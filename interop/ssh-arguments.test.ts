import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { Libvirt } from "@virnet/libvirt";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { type FakeProgram, fakeProgram } from "./helpers/fake-ssh.ts";
import { describeWithPeers } from "./helpers/peers.ts";
import { testbedDirectory } from "./helpers/testbed.ts";
import { virsh } from "./helpers/virsh.ts";

/** Each is given to virsh and to our client; `COMMAND` stands for the program that writes its start down. */
const uris = [
  "test+ssh://h/default?COMMAND",
  "TEST+SSH://H/default?COMMAND&X=y;z=w#frag",
  "test+ssh:///default?COMMAND",
  "test+ssh:/default?COMMAND",
  "test+ssh://h?COMMAND",
  "test+ssh://u@h:0/default?COMMAND",
  "test+ssh://us%20er@h/def%20ault?COMMAND",
  "test+ssh://u:pw@h/default?COMMAND",
  "test+ssh://u@[::1]:22/default?COMMAND&keyfile=/k&no_tty=1&no_verify=1",
  "test+ssh://h/default?COMMAND&no_tty=0&no_verify=-1",
  "test+ssh://h/default?COMMAND&keyfile=",
  "test+ssh://-oProxyCommand=x/default?COMMAND",
  "test+ssh://h/default?COMMAND&proxy=native",
  "test+ssh://h/default?COMMAND&proxy=netcat",
  "test+ssh://h/default?COMMAND&proxy=auto",
  "test+ssh://h/default?COMMAND&netcat=nc",
  "test+ssh://h/default?COMMAND&netcat=nc%20-4",
  "test+ssh://h/default?COMMAND&netcat=n'c",
  "test+ssh://h/default?COMMAND&netcat=n%22c",
  "test+ssh://h/default?COMMAND&netcat=~/nc",
  "test+ssh://h/default?COMMAND&socket=~/sock",
  "test+ssh://h/~?COMMAND&proxy=native",
  "test+ssh://h/default?COMMAND&netcat=",
  "test+ssh://h/default?COMMAND&netcat=nc&proxy=auto",
  "test+ssh://h/default?COMMAND&socket=/x",
  "test+ssh://h/default?COMMAND&socket=/x&socket=/y",
  "qemu+ssh://h/session?COMMAND",
  "qemu+ssh://h/session?COMMAND&socket=/x",
  "qemu+ssh://h/session?COMMAND&proxy=netcat",
  "test+ssh://h/default?COMMAND&PROXY=native&proxy=netcat",
  "test+ssh://h/default?COMMAND&proxy=native&foo=bar%20baz&x='q'",
  "test+ssh://h/default?COMMAND&proxy=native&x=/b:c,d@e!$*()~-._+&y&=z&p=%2B%26%3D%C3%BC",
  "test+ssh://h/default?COMMAND&proxy=native&name=xen:///%27x",
  "test+ssh://h/default?COMMAND&tls_priority=a&authfile=/z&auth=sasl",
  "remote+ssh://h/default?COMMAND&proxy=native",
  "remote+ssh://h/?COMMAND",
  "test+ext:///default?COMMAND",
  "test+ext://host:3/default?COMMAND",
];

describeWithPeers(["virsh"], "programs that virsh starts", () => {
  let fake: FakeProgram;

  beforeAll(async () => {
    const folder = join(testbedDirectory(), "fake-ssh");
    await mkdir(folder, { recursive: true });
    fake = await fakeProgram(folder);
    const variables = "SSH_AUTH_SOCK SSH_ASKPASS DISPLAY XAUTHORITY KRB5CCNAME OPENSSL_CONF GPG_TTY TERM UNRELATED";
    for (const name of variables.split(" ")) vi.stubEnv(name, "/x");
    vi.stubEnv("LD_LIBRARY_PATH", "/nonexistent");
    vi.stubEnv("LOGNAME", "root");
  });

  afterAll(() => {
    vi.unstubAllEnvs();
  });

  it.each(uris.flatMap((uri) => [[uri, false] as const, [uri, true] as const]))(
    "our client starts in the same way: %s, to read only: %s",
    async (uri, readonly) => {
      const complete = uri.replace("COMMAND", `command=${fake.path}`);
      await virsh(complete, ...(readonly ? ["-r"] : []), "list");
      const theirs = await fake.started();
      await expect(Libvirt.open(complete, { readonly })).rejects.toMatchObject({ name: "ConnectionError" });
      expect(await fake.started()).toEqual(theirs);
      expect(theirs).not.toBeNull();
    },
  );
});
