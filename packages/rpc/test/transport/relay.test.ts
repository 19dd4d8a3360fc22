import { execFile } from "node:child_process";
import { promisify } from "node:util";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { relayCommand, type SshRelay, shellQuoted } from "../../src/transport/relay.ts";

const helper = { uri: "test:///default", readonly: false };
const scriptOf = (program: string, path = "/run/sock"): string =>
  `if ${program} -q 2>&1 | grep "requires an argument" >/dev/null 2>&1; then ARG=-q0;else ARG=;fi;${program} $ARG -U ${path}`;

describe("what runs on the far side (F085–F088)", () => {
  const cases: [SshRelay, string][] = [
    [{ path: "/run/sock" }, `sh -c '${scriptOf("'nc'")}'`],
    [{ path: "/run/sock", netcat: "ncat" }, `sh -c '${scriptOf("'ncat'")}'`],
    [{ path: "/run/sock", netcat: "nc -4" }, `sh -c '${scriptOf(String.raw`'''\''nc -4'\''''`)}'`],
    [{ path: "/run/sock", netcat: 'n"c' }, `sh -c '${scriptOf(String.raw`'''\''n"c'\''''`)}'`],
    [{ path: "/run/sock", netcat: "n'c" }, `sh -c '${scriptOf(String.raw`'''\''n'\''\'\'''\''c'\''''`)}'`],
    [{ path: "/run/sock", netcat: "~/nc" }, `sh -c '${scriptOf(String.raw`'''\''~/nc'\''''`)}'`],
    [{ path: "~/sock" }, `sh -c '${scriptOf("'nc'", "~/sock")}'`],
    [{ path: "/run/sock", netcat: "" }, `sh -c '${scriptOf(String.raw`'''\'''\''''`)}'`],
    [{ path: "/run/sock", proxy: "native", helper }, "sh -c 'virt-ssh-helper 'test:///default''"],
    [
      { path: "/x", proxy: "native", helper: { ...helper, readonly: true } },
      "sh -c 'virt-ssh-helper -r 'test:///default''",
    ],
    [
      { path: "/x", proxy: "native", helper: { uri: "test:///a?b=c", readonly: false } },
      String.raw`sh -c 'virt-ssh-helper '''\''test:///a?b=c'\'''''`,
    ],
    [
      { path: "/run/sock", proxy: "auto", helper },
      "sh -c 'which virt-ssh-helper 1>/dev/null 2>&1; if test $? = 0; then     virt-ssh-helper 'test:///default'; " +
        `else    ${scriptOf("'nc'")}; fi'`,
    ],
  ];

  it.each(cases)("%j", (relay, command) => {
    expect(relayCommand(relay)).toBe(command);
  });

  it.each(["native", "auto"] as const)("by %s needs to know what to open", (proxy) => {
    expect(() => relayCommand({ path: "/x", proxy })).toThrow("needs a URI");
  });
});

describe.runIf(process.platform !== "win32")("two shells", () => {
  const run = promisify(execFile);
  const nasty = fc.string({ unit: fc.constantFrom(..."a b'\"\\$`;&|<>()*?[]{}~#!\n\t-=é".split("")), maxLength: 12 });

  it("leave of a word what it was, whatever it holds", async () => {
    await fc.assert(
      fc.asyncProperty(nasty, async (text) => {
        const { stdout } = await run("sh", ["-c", `printf %s. ${shellQuoted(text)}`]);
        expect(stdout).toBe(`${text}.`);
      }),
      { numRuns: 30 },
    );
  });

  it("leave of program and path what they were", async () => {
    await fc.assert(
      fc.asyncProperty(
        nasty,
        nasty.filter((path) => path !== ""),
        async (netcat, path) => {
          // The netcat is a function of the inner shell's, so that nothing of the machine is run by accident.
          const command = relayCommand({ path, netcat: `printf ${netcat}`, proxy: "netcat" });
          const { stderr } = await run("sh", ["-c", command.replaceAll(" -q 2>&1", " 2>/dev/null")]).catch(
            (error: { stderr: string }) => error,
          );
          expect(stderr).toContain("not found");
          expect(stderr).toContain(`printf ${netcat}`.split("\n")[0]);
        },
      ),
      { numRuns: 15 },
    );
  });
});
