import { chmod, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { connect } from "../../src/connect.ts";
import type { SshAddress } from "../../src/transport/address.ts";
import { commandEnvironment, sshEnvironment } from "../../src/transport/environment.ts";
import { sshCommand } from "../../src/transport/ssh.ts";
import { Echo } from "../helpers/echo.ts";

const script =
  "if 'nc' -q 2>&1 | grep \"requires an argument\" >/dev/null 2>&1; then ARG=-q0;else ARG=;fi;'nc' $ARG -U /s";
const address: SshAddress = { ssh: "somehost", path: "/s" };

describe("the arguments of ssh (F084)", () => {
  it.each([
    [{}, []],
    [{ port: 9000 }, ["-p", "9000"]],
    [{ user: "fred" }, ["-l", "fred"]],
    [{ keyfile: "/root/.ssh/example_key" }, ["-i", "/root/.ssh/example_key"]],
    [{ port: 22, user: "fred", keyfile: "/k" }, ["-p", "22", "-l", "fred", "-i", "/k"]],
  ])("%j", (more, first) => {
    expect(sshCommand({ ...address, ...more }, {}).args).toEqual([
      ...first,
      "-T",
      "-e",
      "none",
      "--",
      "somehost",
      `sh -c '${script}'`,
    ]);
  });

  it("forbid questions and strictness where that is wished", () => {
    expect(sshCommand({ ...address, batch: true, verify: false }, {}).args.slice(3, 8)).toEqual([
      "-o",
      "BatchMode=yes",
      "-o",
      "StrictHostKeyChecking=no",
      "--",
    ]);
  });

  it("have another program before them", () => {
    expect(sshCommand(address, {}).command).toBe("ssh");
    expect(sshCommand({ ...address, program: "/usr/local/bin/ssh" }, {}).command).toBe("/usr/local/bin/ssh");
  });
});

describe("the environment", () => {
  const all = { PATH: "/bin", HOME: "/h", SSH_AUTH_SOCK: "/a", LC_ALL: "de_DE", SECRET: "x", DISPLAY: ":0" };

  it("of ssh has what it needs to find keys and to ask, and nothing else", () => {
    expect(sshEnvironment(all)).toEqual({ LC_ALL: "C", PATH: "/bin", HOME: "/h", SSH_AUTH_SOCK: "/a", DISPLAY: ":0" });
  });

  it("of a program has less", () => {
    expect(commandEnvironment(all)).toEqual({ LC_ALL: "C", PATH: "/bin", HOME: "/h" });
  });
});

describe.runIf(process.platform !== "win32")("an ssh in PATH", () => {
  let folder = "";

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "virnet-ssh-"));
    vi.stubEnv("PATH", `${folder}:${process.env["PATH"]}`);
  });

  afterAll(async () => {
    vi.unstubAllEnvs();
    await rm(folder, { recursive: true });
  });

  afterEach(() => rm(join(folder, "ssh"), { force: true }));

  async function fake(body: string): Promise<void> {
    const file = join(folder, "ssh");
    await writeFile(file, `#!/bin/sh\n${body}\n`);
    await chmod(file, 0o755);
  }

  const say = async (more: Partial<SshAddress> = {}) => {
    await using client = await connect({ ...address, user: "fred", ...more });
    return await client.program(Echo).say({ text: "a", repeat: 1 });
  };

  it("is run with them, word by word", async () => {
    await fake(`for word; do printf '%s\\n' "$word" >>${folder}/words; done; head -c 4 >/dev/null; exit 1`);
    await expect(say()).rejects.toThrow("ssh fred@somehost: ssh ended with status 1, and said nothing");
    expect((await readFile(join(folder, "words"), "utf8")).trimEnd().split("\n")).toEqual(
      sshCommand({ ...address, user: "fred" }, {}).args,
    );
  });

  it("that fails tells why, and what to do", async () => {
    await fake("echo 'fred@somehost: Permission denied (publickey).' >&2; exit 255");
    await expect(say()).rejects.toThrow(
      "ssh fred@somehost: fred@somehost is not let in (by publickey); check the user's name, what ssh-add -l lists",
    );
  });

  it("that waits for somebody is given up", async () => {
    await fake("echo 'Password for fred: ' >&2; sleep 325");
    await expect(say({ answerMs: 200 })).rejects.toThrow(/no answer in 200 ms: .*Password for fred:/);
  });

  it("that is not a message's beginning is refused", async () => {
    await fake("echo 'Welcome to somehost'; sleep 326");
    await expect(say()).rejects.toThrow('somehost answered with text: "Welcome to somehost"');
  });

  it("may be missing", async () => {
    await expect(say({ program: join(folder, "nosuch") })).rejects.toThrow(/nosuch: no such program \(ENOENT\)/);
  });
});
