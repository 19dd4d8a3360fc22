#!/usr/bin/env node
import { readFile } from "node:fs/promises";
import { activatedSockets, type Notifier, systemdNotifier } from "virnet/systemd";
import { logClients } from "./client-log.ts";
import { type Command, HELP, type LoginArgs, readCommandLine, UsageError } from "./command-line.ts";
import { cyrusFor } from "./cyrus.ts";
import { loadNative } from "./native.ts";
import { startTestd, type Testd, type TestdOptions } from "./testd.ts";
import type { UsersAction } from "./users-command.ts";

const FAILED = 1;
const USAGE = 2;

await main(process.argv.slice(2));

async function main(args: readonly string[]): Promise<void> {
  try {
    await obey(readCommandLine(args, activatedSockets()));
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    process.stderr.write(`virnet-testd: ${message}\n`);
    if (error instanceof UsageError) process.stderr.write("See virnet-testd --help.\n");
    process.exitCode = error instanceof UsageError ? USAGE : FAILED;
  }
}

async function obey(command: Command): Promise<void> {
  if (command.kind === "run") {
    if (command.clients) logClients((line) => process.stderr.write(`${line}\n`));
    const unix = command.native ? { unix: await loadNative() } : {};
    await run({ ...command.options, ...unix, ...(await loginOf(command.login)) }, command.json);
  } else if (command.kind === "users") process.stdout.write(await usersText(command.action));
  else process.stdout.write(command.kind === "help" ? HELP : `${await version()}\n`);
}

async function version(): Promise<string> {
  const text = await readFile(new URL("../package.json", import.meta.url), "utf8");
  const parsed: unknown = JSON.parse(text);
  const found = typeof parsed === "object" && parsed !== null && "version" in parsed ? parsed.version : undefined;
  return String(found);
}

async function usersText(action: UsersAction): Promise<string> {
  const { changeUsers } = await import("./users-command.ts");
  return changeUsers(action);
}

/** Mechanisms that are not built in come from the machine's Cyrus library, if that is there. */
async function loginOf(login: LoginArgs | null): Promise<Pick<TestdOptions, "sasl">> {
  if (login === null) return {};
  const { mechanisms, users, allow, realm } = login;
  const { keyFile } = await import("virnet/sasl");
  return {
    sasl: {
      mechanisms,
      providers: await cyrusFor(login),
      onRefused: reportRefusal,
      ...(users !== null && { users: await keyFile(users) }),
      ...(allow !== null && { allow }),
      ...(realm !== null && { realm }),
    },
  };
}

/** Serves until a signal ends it. */
async function run(options: TestdOptions, json: boolean): Promise<void> {
  const asked = nextSignal();
  const systemd = systemdNotifier({ unix: options.unix });
  await using testd = await startTestd(withReports(options));
  // Otherwise the signal is that of a terminal that has gone, and ends the program.
  if (options.tls !== undefined || systemd !== null)
    process.on("SIGHUP", () => void reload(testd, systemd, options.tls !== undefined));
  process.stdout.write(json ? `${JSON.stringify(report(testd))}\n` : announcement(testd));
  void systemd?.ready(testd.uris.join(" "));
  systemd?.startWatchdog();
  await asked;
  await systemd?.stopping();
}

/** Why clients are turned away is for this side's eyes only. */
function withReports(options: TestdOptions): TestdOptions {
  return {
    ...options,
    onUnproxied: reportRefusal,
    ...(options.polkit && { polkit: { onRefused: reportRefusal } }),
    ...(options.tls && { tls: { ...options.tls, onRefused: reportRefusal } }),
  };
}

function reportRefusal({ message }: Error): void {
  process.stderr.write(`virnet-testd: refused ${message}\n`);
}

async function reload(testd: Testd, systemd: Notifier | null, hasTls: boolean): Promise<void> {
  void systemd?.reloading();
  if (hasTls) await reloadTls(testd);
  void systemd?.ready();
}

async function reloadTls(testd: Testd): Promise<void> {
  const outcome = await testd.reloadTls().then(
    () => "read the certificates again",
    (error: unknown) => `keeps the certificates it has: ${error instanceof Error ? error.message : String(error)}`,
  );
  process.stderr.write(`virnet-testd: ${outcome}\n`);
}

function nextSignal(): Promise<void> {
  return new Promise((resolve) => {
    for (const name of ["SIGINT", "SIGTERM"] as const) process.once(name, () => resolve());
  });
}

function report({ addresses, uris }: Testd): object {
  return { pid: process.pid, listening: addresses, uris };
}

function announcement({ uris }: Testd): string {
  return uris.map((uri) => `Listening. Connect with:  virsh -c '${uri}'\n`).join("");
}
