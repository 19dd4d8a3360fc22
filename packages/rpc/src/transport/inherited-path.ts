import { readFile, readlink } from "node:fs/promises";

/** Of a line of /proc/net/unix: the inode, and behind it the path, with `@` for an abstract one. */
const LINE = /^\S+ \S+ \S+ \S+ \S+ \S+ +(?<inode>\d+) (?<path>.+)$/;

/** The path of a UNIX socket that was inherited, which Node does not know; `undefined` where the system does not tell it. */
export async function inheritedPath(fd: number): Promise<string | undefined> {
  try {
    const [, inode] = /^socket:\[(\d+)\]$/.exec(await readlink(`/proc/self/fd/${fd}`)) ?? [];
    const lines = (await readFile("/proc/net/unix", "utf8")).split("\n");
    return lines.map((line) => LINE.exec(line)?.groups).find((groups) => groups?.["inode"] === inode)?.["path"];
  } catch {
    return undefined; // only Linux has these files
  }
}
