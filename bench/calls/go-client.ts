import { access } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { execute, type Found, roundOf } from "./foreign-client.ts";
import { isInstalled } from "./installed.ts";

const PACKAGE = "github.com/digitalocean/go-libvirt";
/** Where Debian's golang-github-digitalocean-go-libvirt-dev puts it. */
const DEBIAN = "/usr/share/gocode";

/** Compiles go-libvirt, with `go-client.go` around it, into `folder`. */
export async function compileGoClient(folder: string, paths: readonly string[] = sourcePaths()): Promise<Found> {
  if (!(await isInstalled("go"))) return { absent: "go-libvirt: no go" };
  const path = await firstWith(PACKAGE, paths);
  if (path === undefined) return { absent: `go-libvirt: no ${PACKAGE} in ${paths.join(delimiter)}` };
  const program = join(folder, "go-client");
  const source = fileURLToPath(new URL("../../calls/go-client.go", import.meta.url));
  const env = { ...process.env, GO111MODULE: "off", GOPATH: path, GOCACHE: join(folder, "go-cache"), GOFLAGS: "" };
  await execute("go", ["build", "-o", program, source], { env, timeout: 180_000 });
  return { name: "go-libvirt", callers: "goroutines", play: (...how) => roundOf(program, ...how) };
}

function sourcePaths(): string[] {
  return [...(process.env["GOPATH"]?.split(delimiter) ?? []), DEBIAN];
}

async function firstWith(name: string, paths: readonly string[]): Promise<string | undefined> {
  for (const path of paths) {
    const isThere = await access(join(path, "src", name)).then(
      () => true,
      () => false,
    );
    if (isThere) return path;
  }
  return undefined;
}
