import { describe, expect, it } from "vitest";
import type { CommandEnd } from "../../src/transport/command.ts";
import { explainSsh, sshFailure, textInstead } from "../../src/transport/ssh-failure.ts";

const place = { host: "127.0.0.1", port: 20_830, user: "root", path: "/var/run/libvirt/libvirt-sock" };
const end = (status: number | null, stderr: string): CommandEnd => ({ status, signal: null, stderr });

/** What OpenSSH 9.2, dash, bash, OpenBSD's netcat and virt-ssh-helper 9.0 wrote, as they wrote it. */
const recorded: [problem: string, status: number, stderr: string][] = [
  [
    "there is no host of the name nosuch.invalid",
    255,
    "ssh: Could not resolve hostname nosuch.invalid: Name or service not known",
  ],
  ["nobody listens on port 20830 of 127.0.0.1", 255, "ssh: connect to host 127.0.0.1 port 20830: Connection refused"],
  [
    "the host key of 127.0.0.1 is not known, and nobody could be asked",
    255,
    "No ED25519 host key is known for [127.0.0.1]:20830 and you have requested strict checking.\nHost key verification failed.",
  ],
  ["the host key of 127.0.0.1 is not known, and nobody could be asked", 255, "Host key verification failed."],
  [
    "the host key of 127.0.0.1 is not the one that is known",
    255,
    `@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@
@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @
@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@
IT IS POSSIBLE THAT SOMEONE IS DOING SOMETHING NASTY!
Someone could be eavesdropping on you right now (man-in-the-middle attack)!
It is also possible that a host key has just been changed.
The fingerprint for the ED25519 key sent by the remote host is
SHA256:Q2DnV/noM6ANMkmw2TQ+43H+CxL0UrQ9OQ2De9UYlXs.
Please contact your system administrator.
Add correct host key in /home/u/.ssh/known_hosts to get rid of this message.
Offending ED25519 key in /home/u/.ssh/known_hosts:1
  remove with:
  ssh-keygen -f "/home/u/.ssh/known_hosts" -R "[127.0.0.1]:20830"
Host key for [127.0.0.1]:20830 has changed and you have requested strict checking.
Host key verification failed.`,
  ],
  [
    "the host key of 127.0.0.1 has been revoked",
    255,
    `@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@
@       WARNING: REVOKED HOST KEY DETECTED!               @
@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@
The ED25519 host key for [127.0.0.1]:20830 is marked as revoked.
This could mean that a stolen key is being used to
impersonate this host.
ED25519 host key for [127.0.0.1]:20830 was revoked and you have requested strict checking.
Host key verification failed.`,
  ],
  ["nobody@127.0.0.1 is not let in (by publickey)", 255, "nobody@127.0.0.1: Permission denied (publickey)."],
  [
    "127.0.0.1 hung up after too many wrong keys",
    255,
    "Warning: Permanently added '[127.0.0.1]:20999' (ED25519) to the list of known hosts.\nReceived disconnect from 127.0.0.1 port 20999:2: Too many authentication failures\nDisconnected from 127.0.0.1 port 20999",
  ],
  [
    "127.0.0.1 does not answer on port 20830",
    255,
    "Connection timed out during banner exchange\nConnection to 10.255.255.1 port 20830 timed out",
  ],
  [
    "127.0.0.1 and this ssh have no host key type in common",
    255,
    "Unable to negotiate with 127.0.0.1 port 20830: no matching host key type found. Their offer: ssh-ed25519",
  ],
  [
    "127.0.0.1 hung up before anybody could log in",
    255,
    "kex_exchange_identification: Connection closed by remote host\nConnection closed by 127.0.0.1 port 2298",
  ],
  [
    "there is no host of the name jump.invalid",
    255,
    "ssh: Could not resolve hostname jump.invalid: Name or service not known\nkex_exchange_identification: Connection closed by remote host\nConnection closed by UNKNOWN port 65535",
  ],
  [
    "the jump host could not connect to 127.0.0.1: connect failed: Connection refused",
    255,
    "channel 0: open failed: connect failed: Connection refused\nstdio forwarding failed\nkex_exchange_identification: Connection closed by remote host\nConnection closed by UNKNOWN port 65535",
  ],
  ["the ssh connection to 127.0.0.1 broke off", 255, "Connection to 127.0.0.1 closed by remote host."],
  ["ssh can't use its own configuration", 255, "Can't open user config file /nonexistent: No such file or directory"],
  ["ssh can't use its own configuration", 255, "command-line: line 0: Bad configuration option: bogus"],
  ['ssh takes "127.0.0.1" for no host name', 255, "hostname contains invalid characters"],
  ["127.0.0.1 has no virt-ssh-helper", 127, "sh: 1: virt-ssh-helper: not found"],
  ["127.0.0.1 has neither virt-ssh-helper nor nc", 127, "sh: 1: nc: not found"],
  ["127.0.0.1 has neither virt-ssh-helper nor nc", 127, "bash: line 1: nc: command not found"],
  ["127.0.0.1 has neither virt-ssh-helper nor the relay's program", 127, ""],
  [
    "there is no socket /var/run/libvirt/libvirt-sock on 127.0.0.1",
    1,
    "nc: /var/run/libvirt/libvirt-sock: No such file or directory",
  ],
  [
    "nobody listens on /var/run/libvirt/libvirt-sock of 127.0.0.1",
    1,
    "nc: /var/run/libvirt/libvirt-sock: Connection refused",
  ],
  [
    "root may not use /var/run/libvirt/libvirt-sock of 127.0.0.1",
    1,
    "nc: /var/run/libvirt/libvirt-sock: Permission denied",
  ],
  [
    "there is no socket /var/run/libvirt/libvirt-sock-ro on 127.0.0.1",
    1,
    "virt-ssh-helper: cannot connect to '/var/run/libvirt/libvirt-sock-ro': Failed to connect socket to '/var/run/libvirt/libvirt-sock-ro': No such file or directory",
  ],
  [
    "virt-ssh-helper on 127.0.0.1 gave up: unexpected URI transport 'test+tcp:///default'",
    1,
    "virt-ssh-helper: unexpected URI transport 'test+tcp:///default'",
  ],
];

describe("what ssh and the far side say", () => {
  it.each(recorded)("%s", (problem, status, stderr) => {
    const failure = sshFailure(end(status, stderr), place);
    expect(failure?.problem).toBe(problem);
    expect(failure?.remedy).not.toBe("");
    const line = explainSsh(end(status, stderr), place);
    expect(line.startsWith(`${problem}; ${failure?.remedy}`)).toBe(true);
    expect(line).not.toContain("\n");
  });

  it("of a changed host key has the way to remove the old one", () => {
    const [, , stderr = ""] = recorded[4] ?? [];
    expect(sshFailure(end(255, stderr), place)?.remedy).toContain(
      'ssh-keygen -f "/home/u/.ssh/known_hosts" -R "[127.0.0.1]:20830"',
    );
  });

  it.each([
    [end(3, "something odd\nhappened"), "ssh ended with status 3: happened"],
    [end(9, ""), "ssh ended with status 9, and said nothing"],
    [end(0, ""), "the far side closed the connection"],
    [end(null, "waiting"), "ssh ended: waiting"],
    [{ status: null, signal: "SIGTERM", stderr: "bye" }, "ssh was ended by SIGTERM (bye)"],
  ])("is told as it is where nobody knows it: %j", (what, line) => {
    expect(explainSsh(what, place)).toBe(line);
  });
});

describe("the first bytes of an answer", () => {
  it("may be text, of an account that runs no commands", () => {
    const text = new TextEncoder().encode("This account is currently not available.\n");
    expect(textInstead(text, "h")).toContain('h answered with text: "This account is currently not available."');
  });

  it("are a message's", () => {
    expect(textInstead(Uint8Array.of(0, 0, 0, 28), "h")).toBeNull();
    expect(textInstead(Uint8Array.of(2, 0, 0, 4), "h")).toBeNull();
    expect(textInstead(new Uint8Array(0), "h")).toBeNull();
  });
});
