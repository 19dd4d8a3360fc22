import { mkdtemp, readFile } from "node:fs/promises";
import { join } from "node:path";
import { connect } from "virnet";
import { Server } from "virnet/server";
import { pkiFiles } from "virnet/tls";
import { expect, it } from "vitest";
import { describeWithPeers } from "./helpers/peers.ts";
import { runProgram } from "./helpers/program.ts";
import { repositoryPath } from "./helpers/scripts.ts";
import { testbedDirectory } from "./helpers/testbed.ts";

describeWithPeers(["certtool"], "the recipes of docs/pki.md", () => {
  it.each([
    ["openssl", 0],
    ["certtool", 1],
  ])("with %s make a PKI that serves", async (_, index) => {
    const text = await readFile(repositoryPath("docs/pki.md"), "utf8");
    const recipe = [...text.matchAll(/^```sh\n(.*?)^```/gms)][index]?.[1] ?? "false";
    const folder = await mkdtemp(join(testbedDirectory(), "pki-"));
    const { status, stderr } = await runProgram("bash", ["-euc", `cd '${folder}'\n${recipe}`]);
    expect({ status, stderr }).toMatchObject({ status: 0 });

    const credentials = await pkiFiles(folder, "server");
    const visitor = await pkiFiles(folder, "client");
    expect([...credentials.warnings, ...visitor.warnings]).toEqual([]);
    await using server = new Server({ name: "recipe" });
    const tls = { ...credentials, allowedDn: ["O=Example,CN=admin"] };
    const { port = 0 } = await server.listen({ host: "127.0.0.1", port: 0 }, { tls });
    await using client = await connect({ host: "127.0.0.1", port }, { tls: { ...visitor, host: "kvm1.example.org" } });
    expect(client.security?.peer?.distinguishedName).toBe("O=Example,CN=kvm1.example.org");
    await using other = await connect({ host: "127.0.0.1", port }, { tls: { ...visitor, host: "192.0.2.10" } });
    expect(other.encrypted).toBe(true);
  });
});
