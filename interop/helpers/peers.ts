import { execFileSync } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import { describe, it } from "vitest";

/** The real programs that suites test against. */
export type Peer =
  | "libvirtd"
  | "virsh"
  | "virt-admin"
  | "qemu-system-x86_64"
  | "certtool"
  | "saslpasswd2"
  | "krb5kdc"
  | "sshd"
  | "avahi-daemon"
  | "nsd"
  | "haproxy"
  | "systemd-socket-activate"
  | "pkaction";

export const allPeers: readonly Peer[] = [
  "libvirtd",
  "virsh",
  "virt-admin",
  "qemu-system-x86_64",
  "certtool",
  "saslpasswd2",
  "krb5kdc",
  "sshd",
  "avahi-daemon",
  "nsd",
  "haproxy",
  "systemd-socket-activate",
  "pkaction",
];

export const howToInstall = "interop/testbed/install";

/**
 * A suite that needs real peers. Where one is absent its tests are skipped and counted as skipped, and the suite's name
 * says why; with CI set, an absent peer is a failed test instead.
 */
export function describeWithPeers(peers: readonly Peer[], name: string, suite: () => void): void {
  describeUnlessAbsent(absentOf(peers), name, suite);
}

/** The same for whatever has been found to be absent. */
export function describeUnlessAbsent(absent: readonly string[], name: string, suite: () => void): void {
  if (absent.length === 0) describe(name, suite);
  else if (isCi()) describe(name, () => failFor(absent));
  else describe.skip(`${name} (needs ${absent.join(", ")})`, suite);
}

/** The same for what qemu and the network driver need besides: the right to a mount namespace of their own. */
export function describeWithNamespace(peers: readonly Peer[], name: string, suite: () => void): void {
  if (absentOf(peers).length > 0 || canUnshare()) describeWithPeers(peers, name, suite);
  else if (isCi()) describe(name, failForNamespace);
  else describe.skip(`${name} (needs the right to a mount namespace)`, suite);
}

/** Those of `peers` that can't be used here; "root" stands for the user that the daemons must run as. */
export function absentOf(peers: readonly Peer[]): string[] {
  const absent: string[] = peers.filter((peer) => !isInstalled(peer));
  if (peers.some((peer) => daemons.includes(peer)) && process.getuid?.() !== 0) absent.push("root");
  return absent;
}

export function isCi(): boolean {
  const { CI } = process.env;
  return CI !== undefined && CI !== "" && CI !== "false" && CI !== "0";
}

const daemons: readonly Peer[] = ["libvirtd", "krb5kdc", "sshd", "avahi-daemon", "nsd"];

function failFor(absent: readonly string[]): void {
  it(`finds ${absent.join(", ")}`, () => {
    throw new Error(`absent: ${absent.join(", ")}; as root, run ${howToInstall}`);
  });
}

function failForNamespace(): void {
  it("may have a mount namespace", () => {
    throw new Error("`unshare -m` is refused; a container needs --privileged for the test bed's guest");
  });
}

function isInstalled(program: string): boolean {
  const path = (process.env["PATH"] ?? "").split(delimiter);
  return [...path, "/usr/sbin", "/sbin"].some((directory) => isExecutable(join(directory, program)));
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function canUnshare(): boolean {
  try {
    execFileSync("unshare", ["-m", "true"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}
