import { execFile } from "node:child_process";

const PROGRAM = "systemd-notify";
const PATIENCE_MS = 10_000;

/** Sends a message to a service manager by the program that systemd has for it: Node has no UNIX datagrams. */
export function notifyByProgram(socket: string, message: string): Promise<void> {
  const options = { env: { ...process.env, NOTIFY_SOCKET: socket }, timeout: PATIENCE_MS };
  return new Promise((fulfil, reject) => {
    execFile(PROGRAM, message.split("\n"), options, (error, _, stderr) => {
      if (error === null) fulfil();
      else reject(new Error(`${PROGRAM} failed: ${stderr.trim() || error.message}`, { cause: error }));
    }).stdin?.end();
  });
}
