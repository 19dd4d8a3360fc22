// The main job: our stand-in libvirtd comes up, and our client works with it through real sockets.
//
//   npm start                      stays until Ctrl-C, so that virsh can look around
//   npm start -- --once            ends after the session
//   npm start -- discover [DOMAIN]  lists the libvirtds that advertise themselves: here, or in the DNS of DOMAIN
//   npm start -- explain URI       goes the way to a hypervisor step by step, and says what to do where it ends
//   npm start -- URI               only looks at a real libvirtd: test+unix:///default?socket=PATH, test+tcp://HOST/default
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { Libvirt } from "@virnet/libvirt";
import { startTestd } from "@virnet/testd";
import { browse } from "virnet/mdns";
import { ask } from "./ask.mjs";
import { changeDomain, look } from "./session.mjs";
import { moveVolume, talk } from "./transfer.mjs";

const usage = `usage: npm start                 boot the stand-in libvirtd, run a session against it, stay until Ctrl-C
       npm start -- --once       end after the session
       npm start -- discover [DOMAIN]   list the libvirtds that advertise themselves: on the local link,
                                        or in the DNS of DOMAIN
       npm start -- explain URI [--json]   say of each step to a hypervisor whether it works, and what to do
       npm start -- URI          look at a real libvirtd, changing nothing: test+unix:///default?socket=PATH
                                 or test+tcp://HOST/default`;

await main().catch((error) => {
  console.error(`start: ${error.message}`);
  process.exitCode = 1;
});

async function main() {
  const { values, positionals } = readArguments();
  if (values.help) console.log(usage);
  else if (positionals[0] === "discover") await discover(positionals[1]);
  else if (positionals[0] === "explain") await explainWay(positionals[1] ?? null, values.json);
  else if (positionals[0] !== undefined) await lookAt(positionals[0]);
  else await bootAndTour(values.once);
}

function readArguments() {
  const options = {
    once: { type: "boolean", default: false },
    help: { type: "boolean", short: "h", default: false },
    json: { type: "boolean", default: false },
  };
  try {
    return parseArgs({ options, allowPositionals: true });
  } catch (error) {
    throw new Error(`${error.message}\n${usage}`, { cause: error });
  }
}

/** Three seconds are enough for all on the link to answer. */
async function discover(domain = "local") {
  const services = browse("_libvirt._tcp", { domain });
  const timer = setTimeout(() => void services.close(), 3000);
  const found = new Map();
  for await (const { kind, service } of services) {
    if (kind === "down") found.delete(service.name);
    else found.set(service.name, service);
  }
  clearTimeout(timer);
  for (const service of found.values()) console.log(lineOf(service));
  console.log(`${found.size} found in ${domain}`);
}

function lineOf({ name, host, port, addresses, txt }) {
  const text = Object.entries(txt).map(([key, value]) => (value === true ? key : `${key}=${value}`));
  return [printable(name), `${printable(host)}:${port}`, addresses.join(","), ...text.map(printable)].join("  ");
}

/** What strangers advertise may hold anything, escape sequences of the terminal too. */
function printable(text) {
  return text.replace(/\p{C}/gu, "\uFFFD");
}

/** Without a URI the user's default is meant. */
async function explainWay(uri, asJson) {
  const { explain } = await import("@virnet/libvirt");
  const explanation = await explain(uri);
  if (asJson) console.log(JSON.stringify(explanation, null, 2));
  else for (const step of explanation.steps) console.log(linesOf(step));
  if (!explanation.ok) process.exitCode = 1;
}

function linesOf({ name, ok, ms, detail, remedy }) {
  const text = detail.split("\n").map(printable).join("\n  ");
  const line = `${ok ? "ok  " : "FAIL"} ${`${ms} ms`.padStart(10)}  ${name.padEnd(12)}  ${text}`;
  return remedy === null ? line : `${line}\n  → ${printable(remedy)}`;
}

async function lookAt(uri) {
  // A person who is asked for a password takes longer than a server.
  const patience = process.stdin.isTTY ? 120_000 : 10_000;
  const hypervisor = await Libvirt.open(uri, { readonly: true, signal: AbortSignal.timeout(patience), auth: { ask } });
  try {
    await look(hypervisor);
  } finally {
    await hypervisor.close();
  }
}

async function bootAndTour(once) {
  const folder = await mkdtemp(join(tmpdir(), "virnet-"));
  const path = join(folder, "libvirt-sock");
  const testd = await startTestd({ sockets: [path], listen: [{ host: "127.0.0.1", port: 0 }] });
  try {
    introduce(testd);
    for (const uri of testd.uris) await tour(uri);
    if (!once) await untilInterrupted(testd);
  } finally {
    await testd.close();
    await rm(folder, { recursive: true, force: true });
  }
}

function introduce({ uris }) {
  console.log("A stand-in libvirtd listens. virsh connects to it like this:\n");
  for (const uri of uris) console.log(`  virsh -c '${uri}' list --all`);
}

async function tour(uri) {
  console.log(`\n# ${uri}\n`);
  const hypervisor = await Libvirt.open(uri, { signal: AbortSignal.timeout(10_000) });
  try {
    await look(hypervisor);
    await changeDomain(hypervisor);
    await moveVolume(hypervisor);
    await talk(hypervisor);
  } finally {
    await hypervisor.close();
  }
}

async function untilInterrupted({ uris }) {
  console.log(`\nIt goes on listening until Ctrl-C. Try:  virsh -c '${uris[0]}' event --all --loop`);
  await new Promise((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, resolve);
  });
}
