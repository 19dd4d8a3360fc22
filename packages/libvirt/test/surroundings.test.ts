import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { emptyConfig } from "../src/client-config.ts";
import { ownSurroundings } from "../src/surroundings.ts";
import { UriError } from "../src/uri-error.ts";

let home = "";

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), "virnet-home-"));
  vi.spyOn(process, "geteuid").mockReturnValue(1000);
});

afterEach(async () => {
  vi.restoreAllMocks();
  await rm(home, { recursive: true });
});

it("a user's own files come from the XDG folders", async () => {
  await mkdir(join(home, "conf/libvirt"), { recursive: true });
  await writeFile(join(home, "conf/libvirt/libvirt.conf"), 'uri_default = "qemu:///session"\n');
  const found = await ownSurroundings({ HOME: home, XDG_CONFIG_HOME: join(home, "conf"), XDG_RUNTIME_DIR: "/run/x" });
  expect(found).toMatchObject({
    uid: 1000,
    runtimeDir: "/run/x",
    configDir: join(home, "conf/libvirt"),
    configFile: join(home, "conf/libvirt/libvirt.conf"),
    config: { uriDefault: "qemu:///session" },
  });
});

it("without them, from the home folder", async () => {
  const found = await ownSurroundings({ HOME: home });
  expect(found).toMatchObject({
    runtimeDir: join(home, ".cache"),
    configDir: join(home, ".config/libvirt"),
    config: emptyConfig,
  });
});

it("root has the system's", async () => {
  vi.spyOn(process, "geteuid").mockReturnValue(0);
  expect((await ownSurroundings({ HOME: home })).configFile).toBe("/etc/libvirt/libvirt.conf");
});

it("a libvirt.conf that can't be read is told", async () => {
  await mkdir(join(home, ".config/libvirt/libvirt.conf"), { recursive: true });
  await expect(ownSurroundings({ HOME: home })).rejects.toThrow(UriError);
  await expect(ownSurroundings({ HOME: home })).rejects.toThrow(/libvirt\.conf can't be read \(EISDIR\)/);
});
