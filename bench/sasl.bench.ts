/* Volumes through the security layers of SASL, beside virsh and libvirtd: our client, our server, and both. */
import { fileURLToPath } from "node:url";
import { benchOptions } from "./options.ts";
import { measureSaslVolumes, type SaslVolumeResult } from "./sasl/volumes.ts";

const MIB = 2 ** 20;
const { quick, json } = benchOptions();
const plan = quick
  ? { rounds: 1, bytes: 32 * MIB, compared: 64 * MIB }
  : { rounds: 3, bytes: 128 * MIB, compared: 1024 * MIB };
const testd = fileURLToPath(new URL("../../packages/testd/dist/bin.js", import.meta.url));
const testbed = fileURLToPath(new URL("../../interop/testbed/", import.meta.url));

const found = await measureSaslVolumes(plan, testd, testbed);
if (found === null)
  console.log(json ? "[]" : "  left out, as libvirtd, virsh, krb5kdc or saslpasswd2 is not installed");
else if (json) console.log(JSON.stringify(found));
else {
  for (const rate of found.rates) print(rate, found.rates);
  console.log(`  ${plan.compared / MIB} MiB came back with the same sha256: ${found.intact.join("; ") || "nowhere"}`);
}

/** virsh with libvirtd is the yardstick. */
function print(
  { mechanism, client, server, direction, rate }: SaslVolumeResult,
  all: readonly SaslVolumeResult[],
): void {
  const yardstick = all.find(
    (one) =>
      one.mechanism === mechanism && one.direction === direction && one.client === "virsh" && one.server === "libvirtd",
  );
  const ratio = (rate / (yardstick?.rate ?? Number.NaN)).toFixed(2);
  const what = `${mechanism} ${direction}, ${client} with ${server}`;
  console.log(`  ${what.padEnd(46)} ${rate.toFixed(0).padStart(6)} MB/s ${ratio.padStart(8)} x`);
}
