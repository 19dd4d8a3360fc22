// A sparse volume up and down with a progress bar, and a few lines at a console.
import { mkdtemp, open, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

const MIB = 1_048_576;
const CAPACITY = 2048 * MIB;

/** Uploads a file of holes and some data, downloads it again, and shows that the holes stayed holes. */
export async function moveVolume(hypervisor) {
  const folder = await mkdtemp(join(tmpdir(), "virnet-"));
  const pool = await hypervisor.pool("default-pool");
  const xml = `<volume><name>demo.img</name><capacity>${CAPACITY}</capacity><allocation>0</allocation></volume>`;
  const volume = await pool.createVolume(xml);
  try {
    const [source, back] = [join(folder, "demo.img"), join(folder, "back.img")];
    await makeSparse(source);
    const sparse = true;
    await volume.upload(source, { sparse, onProgress: bar("upload") });
    await volume.download(back, { sparse, onProgress: bar("download") });
    const kept = ((await stat(back)).blocks * 512) / MIB;
    console.log(`of ${CAPACITY / MIB} MiB, ${kept.toFixed(0)} MiB are on the disk: the holes stayed holes\n`);
  } finally {
    await volume.delete();
    await rm(folder, { recursive: true, force: true });
  }
}

/** Types a little at the console of the first domain that runs. */
export async function talk(hypervisor) {
  const [domain] = await hypervisor.domains({ active: true });
  const stream = await domain.console({ signal: AbortSignal.timeout(10_000) });
  const show = async () => {
    const decoder = new TextDecoder();
    for await (const chunk of stream) process.stdout.write(decoder.decode(chunk, { stream: true }));
  };
  const shown = show();
  for (const line of ["hello", "echo a console, typed and read back", "exit"]) {
    await stream.write(new TextEncoder().encode(`${line}\r`));
  }
  await shown;
  console.log();
}

async function makeSparse(path) {
  const file = await open(path, "w");
  for (let i = 0; i < 16; i++) await file.write(Buffer.alloc(4 * MIB, i + 1), 0, undefined, (i * CAPACITY) / 16);
  await file.truncate(CAPACITY);
  await file.close();
}

/** Draws over its own line in a terminal; elsewhere one line at the end does. */
function bar(verb) {
  return ({ bytes, data, rate }) => {
    const done = Math.round((bytes / CAPACITY) * 30);
    const text = `${verb.padEnd(8)} [${"#".repeat(done).padEnd(30, ".")}] ${String(Math.round((bytes / CAPACITY) * 100)).padStart(3)} %`;
    const line = `${text}  ${(data / MIB).toFixed(0)} MiB of data, ${(rate / 1e6).toFixed(0)} MB/s`;
    if (process.stdout.isTTY) process.stdout.write(`\r${line}${bytes === CAPACITY ? "\n" : ""}`);
    else if (bytes === CAPACITY) console.log(line);
  };
}
