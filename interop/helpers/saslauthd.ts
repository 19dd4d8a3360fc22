import { spawn } from "node:child_process";
import { once } from "node:events";
import { access, mkdir } from "node:fs/promises";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";

/** The real saslauthd, which asks us whether a password is right. */
export interface Saslauthd extends AsyncDisposable {
  /** For `saslauthd_path` in a configuration. */
  readonly socket: string;
}

/** The judge of passwords; may take its time. */
export type Judge = (user: string, password: string) => Promise<boolean>;

/**
 * Starts saslauthd with its state in `folder`. It is told to ask an IMAP server (which is us), the one way of its own that
 * needs neither accounts nor files of the machine.
 */
export async function startSaslauthd(folder: string, judge: Judge): Promise<Saslauthd> {
  const sockets = new Set<Socket>();
  const imap = createServer((socket) => {
    sockets.add(socket.on("error", () => {}));
    void converse(socket, judge);
  });
  imap.listen(0, "127.0.0.1");
  await once(imap, "listening");
  await mkdir(folder, { recursive: true });
  const args = ["-a", "rimap", "-O", `127.0.0.1/${portOf(imap)}`, "-m", folder, "-n", "1", "-d"];
  const path = `${process.env["PATH"] ?? ""}:/usr/sbin:/sbin`;
  const daemon = spawn("saslauthd", args, { env: { ...process.env, PATH: path }, stdio: "ignore" });
  const socket = join(folder, "mux");
  await until(() => access(socket));
  return {
    socket,
    async [Symbol.asyncDispose]() {
      daemon.kill("SIGKILL");
      await once(daemon, "exit");
      for (const open of sockets) open.destroy();
      imap.close();
    },
  };
}

/** Of IMAP only what saslauthd says: one LOGIN. */
async function converse(socket: Socket, judge: Judge): Promise<void> {
  socket.write("* OK ready\r\n");
  for await (const line of createInterface({ input: socket })) {
    const [, tag = "*", user = "", password = ""] = /^(\S+) LOGIN "(.*)" "(.*)"$/.exec(line) ?? [];
    if (user === "") continue;
    const verdict = (await judge(user, password)) ? "OK" : "NO";
    socket.end(`${tag} ${verdict} done\r\n`);
  }
}

function portOf(server: Server): number {
  return (server.address() as AddressInfo).port; // it listens on TCP
}

async function until(check: () => Promise<void>): Promise<void> {
  const end = Date.now() + 20_000;
  for (;;) {
    try {
      await check();
      return;
    } catch (error) {
      if (Date.now() > end) throw error;
      await delay(20);
    }
  }
}
