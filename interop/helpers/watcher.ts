import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";

/** A virsh that waits for events until it is interrupted. */
export class Watcher {
  readonly #child: ChildProcess;
  said = "";

  constructor(uri: string, command: string) {
    this.#child = spawn("virsh", ["-c", uri, ...command.split(" ")], { stdio: ["ignore", "pipe", "pipe"] });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.on("data", (chunk) => {
        this.said += String(chunk);
      });
    }
  }

  /** All that it said. */
  async interrupt(): Promise<string> {
    const closed = once(this.#child, "close");
    this.#child.kill("SIGINT");
    await closed;
    return this.said;
  }
}
