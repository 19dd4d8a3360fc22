import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { inject } from "vitest";
import { runProgram } from "./program.ts";
import { testbedScript } from "./scripts.ts";

/** What the test bed's README lists: its services, and the settings each gives for certain. */
const settingsOf = {
  libvirtd: [
    "LIBVIRTD_SOCK",
    "LIBVIRTD_SOCK_RO",
    "LIBVIRTD_SOCK_ADMIN",
    "LIBVIRTD_UNIX_URI",
    "LIBVIRTD_RO_URI",
    "LIBVIRTD_ADMIN_URI",
    "LIBVIRTD_TCP_PORT",
    "LIBVIRTD_TCP_URI",
    "LIBVIRTD_LOG",
    "LIBVIRTD_PID",
  ],
  guest: ["GUEST_URI", "GUEST_NAME", "LIBVIRTD_SOCK"],
  "libvirtd-tls": [
    "TLS_SOCK",
    "TLS_PORT",
    "TLS_URI",
    "TLS_LOG",
    "PKI_DIR",
    "PKI_CA",
    "PKI_OTHER_CA",
    "PKI_CLIENT",
    "PKI_CLIENT_UNLISTED",
    "PKI_CLIENT_EXPIRED",
    "PKI_CLIENT_OTHERCA",
    "PKI_SERVER",
    "PKI_SERVER_BADNAME",
    "PKI_SERVER_EXPIRED",
  ],
  "libvirtd-tls-badname": ["TLS_BADNAME_PORT", "TLS_BADNAME_URI"],
  "libvirtd-sasl": [
    "SASL_SOCK",
    "SASL_UNIX_URI",
    "SASL_TCP_PORT",
    "SASL_TCP_URI",
    "SASL_TLS_PORT",
    "SASL_TLS_URI",
    "SASL_MECHS",
    "SASL_USER",
    "SASL_PASSWORD",
    "SASL_AUTHFILE",
    "SASL_UNLISTED_USER",
    "SASL_UNLISTED_PASSWORD",
    "SASL_UNLISTED_AUTHFILE",
    "SASL_WRONG_AUTHFILE",
    "PKI_CA",
    "PKI_CLIENT",
    "PKI_SERVER",
  ],
  kdc: [
    "KDC_REALM",
    "KDC_PORT",
    "KDC_SERVICE_PRINCIPAL",
    "KDC_SERVICE_KEYTAB",
    "KDC_USER",
    "KDC_USER_PASSWORD",
    "KDC_USER_KEYTAB",
    "KDC_UNLISTED_USER",
    "KDC_UNLISTED_CCACHE",
    "KRB5_CONFIG",
    "KRB5CCNAME",
  ],
  sshd: [
    "SSH_PORT",
    "SSH_USER",
    "SSH_KEY",
    "SSH_KNOWN_HOSTS",
    "SSH_CONFIG",
    "SSH_COMMAND",
    "SSH_URI",
    "SSH_URI_HELPER",
    "SSH_URI_NC",
    "LIBVIRTD_SOCK",
  ],
  avahi: [
    "DBUS_SYSTEM_BUS_ADDRESS",
    "AVAHI_SERVICE_TYPE",
    "AVAHI_SERVICE_NAME",
    "AVAHI_SERVICE_PORT",
    "AVAHI_INTERFACE",
    "AVAHI_PID",
    "AVAHI_BUS_PID",
  ],
  nsd: ["NSD_SERVER", "NSD_DOMAIN", "NSD_ZONE", "NSD_PID"],
} as const;

export type Service = keyof typeof settingsOf;
export type Settings<S extends Service> = Readonly<Record<(typeof settingsOf)[S][number], string>>;

/**
 * Settings of these services, once each answers. One that runs already is left alone: all suites of a run share them,
 * and they end with the run. Call it in a `beforeAll`.
 */
export async function testbed<S extends Service>(...services: readonly S[]): Promise<Settings<S>> {
  await up(services);
  const all = await readSettings();
  const names: readonly string[] = services.flatMap((service) => settingsOf[service]);
  // Complete by construction: one entry for each name that the type has, or an error.
  return Object.fromEntries(names.map((name) => [name, settingOf(all, name)])) as Settings<S>;
}

/** A setting that depends on the machine: `LIBVIRTD_QEMU_URI`, `LIBVIRTD_STORAGE_URI`. Absent is `null`. */
export async function optionalSetting(name: string): Promise<string | null> {
  return (await readSettings()).get(name) ?? null;
}

/** Where a suite may put files and sockets that live as long as the run. */
export function testbedDirectory(): string {
  return inject("testbedDir");
}

/** A libvirtd besides the shared ones. It knows only the test driver. */
export interface LibvirtdInstance {
  readonly sock: string;
  readonly sockRo: string;
  readonly sockAdmin: string;
  readonly unixUri: string;
  readonly readOnlyUri: string;
  readonly adminUri: string;
  readonly tcpPort: number;
  readonly tcpUri: string;
  readonly log: string;
  readonly pid: number;
}

/** Starts `libvirtd@name` with lines of libvirtd.conf of its own: `["keepalive_interval = 1"]`. */
export async function libvirtdWith(name: string, settings: readonly string[]): Promise<LibvirtdInstance> {
  await up([`libvirtd@${name}`], ...settings.flatMap((line) => ["--set", line]));
  return instanceOf(await readSettings(), prefixOf(`LIBVIRTD_${name}`));
}

/** Starts `libvirtd-sasl@name`, which offers these mechanisms only, for the users of `libvirtd-sasl`. */
export async function saslLibvirtdWith(name: string, mechanisms: readonly string[]): Promise<LibvirtdInstance> {
  await up([`libvirtd-sasl@${name}`], "--mechs", mechanisms.join(" "));
  return instanceOf(await readSettings(), prefixOf(`SASL_${name}`));
}

/** Stops services before the run ends, for suites that want to see a peer go. */
export async function stopServices(...names: readonly string[]): Promise<void> {
  await runScript("down", names);
}

async function up(names: readonly string[], ...options: readonly string[]): Promise<void> {
  await runScript("up", [...options, ...names]);
}

async function runScript(script: string, args: readonly string[]): Promise<void> {
  const env = { TESTBED_DIR: testbedDirectory() };
  const { status, stderr } = await runProgram(testbedScript(script), args, { env, timeout: 80_000 });
  if (status !== 0) throw new Error(`interop/testbed/${script} ${args.join(" ")} failed\n${stderr}`);
}

async function readSettings(): Promise<ReadonlyMap<string, string>> {
  const text = await readFile(join(testbedDirectory(), "env"), "utf8");
  return new Map(text.trimEnd().split("\n").map(keyAndValue));
}

function keyAndValue(line: string): [string, string] {
  const at = line.indexOf("=");
  return [line.slice(0, at), line.slice(at + 1)];
}

function settingOf(settings: ReadonlyMap<string, string>, name: string): string {
  const value = settings.get(name);
  if (value === undefined) throw new Error(`the test bed has no setting ${name}`);
  return value;
}

function prefixOf(name: string): string {
  return name.toUpperCase().replaceAll("-", "_");
}

function instanceOf(settings: ReadonlyMap<string, string>, prefix: string): LibvirtdInstance {
  const get = (name: string): string => settingOf(settings, `${prefix}_${name}`);
  return {
    sock: get("SOCK"),
    sockRo: get("SOCK_RO"),
    sockAdmin: get("SOCK_ADMIN"),
    unixUri: get("UNIX_URI"),
    readOnlyUri: get("RO_URI"),
    adminUri: get("ADMIN_URI"),
    tcpPort: Number(get("TCP_PORT")),
    tcpUri: get("TCP_URI"),
    log: get("LOG"),
    pid: Number(get("PID")),
  };
}
