import { chmod, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect } from "virnet";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { emptyConfig } from "../src/client-config.ts";
import type { DaemonSocket } from "../src/daemon-socket.ts";
import { connectStarting } from "../src/session-daemon.ts";
import type { Surroundings } from "../src/surroundings.ts";

let folder = "";

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "virnet-session-"));
});

afterEach(async () => {
  await rm(folder, { recursive: true });
});

/** A daemon that writes down how it was started, listens on its socket, and leaves once it had a client. */
const fake = `#!${process.execPath}
const { appendFileSync } = require("node:fs");
appendFileSync("FOLDER/log", JSON.stringify([process.argv.slice(2), Object.keys(process.env).sort()]) + "\\n");
setTimeout(() => {
  const server = require("node:net").createServer((socket) => {
    socket.on("close", () => server.close());
  });
  server.listen("FOLDER/libvirt/libvirt-sock");
}, 50);
setTimeout(() => process.exit(), 20_000).unref();
`;

async function install(script: string): Promise<Surroundings> {
  const program = join(folder, "libvirtd");
  await writeFile(program, script.replaceAll("FOLDER", folder));
  await chmod(program, 0o755);
  return {
    uid: 1000,
    runtimeDir: folder,
    configDir: folder,
    env: { LIBVIRTD_PATH: folder, PATH: process.env["PATH"], XDG_RUNTIME_DIR: folder, SECRET: "x" },
    config: emptyConfig,
    configFile: "libvirt.conf",
    exists: (path) => path === program,
  };
}

const socket = (): DaemonSocket => ({ path: join(folder, "libvirt/libvirt-sock"), daemon: "libvirtd", session: true });

describe("a session's daemon (F082)", () => {
  it("is started when nobody listens, for two minutes without clients", async () => {
    const surroundings = await install(fake);
    const client = await connectStarting(socket(), surroundings, undefined, () => connect(socket()));
    await client.close();
    const started = (await readFile(join(folder, "log"), "utf8")).trim().split("\n");
    expect(started).toHaveLength(1);
    expect(JSON.parse(started[0] ?? "")).toEqual([["--timeout=120"], ["LC_ALL", "PATH", "XDG_RUNTIME_DIR"]]);
  });

  it("is not started when somebody does, nor for another failure", async () => {
    const surroundings = await install(fake);
    expect(await connectStarting(socket(), surroundings, undefined, async () => "connected")).toBe("connected");
    const failure = new Error("something else");
    await expect(connectStarting(socket(), surroundings, undefined, () => Promise.reject(failure))).rejects.toBe(
      failure,
    );
    await expect(readFile(join(folder, "log"))).rejects.toThrow("ENOENT");
  });

  it("that fails to start is told", async () => {
    const surroundings = await install("#!/bin/sh\nexit 7\n");
    await expect(connectStarting(socket(), surroundings, undefined, () => connect(socket()))).rejects.toThrow(
      /libvirtd was started for .*, but it ended with status 7; run libvirtd --verbose by hand/,
    );
  });

  it("that can't be run is told", async () => {
    const surroundings = await install("#!/nonexistent/interpreter\n");
    await expect(connectStarting(socket(), surroundings, undefined, () => connect(socket()))).rejects.toThrow(
      /but it ended with status spawn .* ENOENT/,
    );
  });

  it("that is not installed is told", async () => {
    const surroundings = { ...(await install(fake)), exists: () => false };
    await expect(connectStarting(socket(), surroundings, undefined, () => connect(socket()))).rejects.toThrow(
      /nobody listens on .*libvirt-sock, and there is no libvirtd to start: install it, or name it by LIBVIRTD_PATH/,
    );
  });

  it("is not waited for beyond the signal, whose reason is told", async () => {
    const surroundings = await install("#!/bin/sh\nexit 0\n");
    const abort = new AbortController();
    const reason = new Error("no longer wanted");
    setTimeout(() => abort.abort(reason), 200);
    await expect(connectStarting(socket(), surroundings, abort.signal, () => connect(socket()))).rejects.toBe(reason);
  });
});
