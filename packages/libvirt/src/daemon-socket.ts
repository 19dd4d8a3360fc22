import type { Surroundings } from "./surroundings.ts";
import type { SocketMode } from "./uri.ts";
import { UriError } from "./uri-error.ts";

/** What decides which daemon's socket a URI means. */
export interface SocketQuestion {
  readonly driver: string;
  readonly path: string;
  readonly mode: SocketMode;
  readonly readonly: boolean;
}

/** A daemon's socket on this machine. */
export interface DaemonSocket {
  readonly path: string;
  /** The program that listens there. */
  readonly daemon: string;
  /** The user's own daemon, not the system's. */
  readonly session: boolean;
}

/** On the far side /var/run may be what /run is here; libvirt's clients use the old name everywhere. */
const SYSTEM_DIR = "/var/run/libvirt";

/** The user's own daemon serves sessions and the test driver, but for root (libvirt-rpc §3.3). */
export function isSession(driver: string, path: string, uid: number | undefined): boolean {
  return uid !== undefined && uid !== 0 && (path === "/session" || driver.toLowerCase() === "test");
}

/**
 * The socket for a URI that names none (F156). `auto` takes a driver's own daemon where its socket is there, else
 * libvirtd. Throws {@link UriError} for the direct mode of a URI without a driver.
 */
export function daemonSocket(question: SocketQuestion, surroundings: Surroundings): DaemonSocket {
  const { driver, mode } = question;
  const legacy = socketOf("libvirt", "libvirtd", question, surroundings);
  if (mode === "legacy") return legacy;
  const name = `virt${driver.toLowerCase()}d`;
  if (driver.toLowerCase() === "remote" || driver === "") {
    if (mode === "auto") return legacy;
    throw new UriError("mode=direct needs a driver in front of the colon, such as qemu");
  }
  const direct = socketOf(name, name, question, surroundings);
  if (mode === "direct" || surroundings.exists(direct.path)) return direct;
  // Where neither runs yet, the one that is installed is the one to start.
  const onlyDirect = direct.session && !isInstalled("libvirtd", surroundings) && isInstalled(name, surroundings);
  return !surroundings.exists(legacy.path) && onlyDirect ? direct : legacy;
}

function socketOf(
  prefix: string,
  daemon: string,
  { driver, path, readonly }: SocketQuestion,
  { uid, runtimeDir }: Surroundings,
): DaemonSocket {
  const session = isSession(driver, path, uid);
  const socket = session
    ? `${runtimeDir}/libvirt/${prefix}-sock`
    : `${SYSTEM_DIR}/${prefix}-sock${readonly ? "-ro" : ""}`;
  return { path: socket, daemon, session };
}

/** Where the program of a daemon is, or `null`. */
export function findDaemon(name: string, { env, exists }: Surroundings): string | null {
  const own = env["VIRTD_PATH"] ?? env["LIBVIRTD_PATH"];
  const places = [...(own === undefined ? [] : [own]), ...(env["PATH"] ?? "").split(":"), "/usr/sbin", "/sbin"];
  return (
    places
      .filter((place) => place !== "")
      .map((place) => `${place}/${name}`)
      .find(exists) ?? null
  );
}

function isInstalled(name: string, surroundings: Surroundings): boolean {
  return findDaemon(name, surroundings) !== null;
}
