/** A listening socket that the service manager has opened for this process: what `server.listen` takes. */
export interface ActivatedSocket {
  /** `FileDescriptorName=` of its unit, or the unit's own name; `unknown` where the manager tells none. */
  readonly name: string;
  readonly fd: number;
}

/** The environment variables of sd_listen_fds(3), or those of the process. */
type Environment = Readonly<Record<string, string | undefined>>;

const FIRST_DESCRIPTOR = 3;
const MOST_DESCRIPTORS = 1024;

/**
 * The sockets that were passed to this process (F077), in their order; none when it was started otherwise, and when they were
 * meant for another. Throws `TypeError` for variables that make no sense. Node has set them close-on-exec already.
 */
export function activatedSockets(env: Environment = process.env, pid: number = process.pid): ActivatedSocket[] {
  const { LISTEN_PID: owner, LISTEN_FDS: count, LISTEN_FDNAMES: names } = env;
  if (owner === undefined || count === undefined) return [];
  if (numberOf("LISTEN_PID", owner, 0x7fff_ffff) !== pid) return [];
  const size = numberOf("LISTEN_FDS", count, MOST_DESCRIPTORS);
  const all = names === undefined ? Array<string>(size).fill("unknown") : names.split(":");
  if (all.length !== size && !(size === 0 && names === ""))
    throw new TypeError(`LISTEN_FDNAMES has ${all.length} names, but LISTEN_FDS says ${size}`);
  return all.slice(0, size).map((name, i) => ({ name, fd: FIRST_DESCRIPTOR + i }));
}

/**
 * `sockets`, if all of them have one of these names. Throws `TypeError` for another, as libvirtd refuses to start then: whoever
 * set it up expects it to be served.
 */
export function onlyNamed(sockets: readonly ActivatedSocket[], names: readonly string[]): readonly ActivatedSocket[] {
  const odd = sockets.find(({ name }) => !names.includes(name));
  if (odd === undefined) return sockets;
  const expected = names.join(", ");
  throw new TypeError(
    `socket ${odd.fd} of the service manager is named ${JSON.stringify(odd.name)}, expected one of ${expected}; FileDescriptorName= of its unit says it`,
  );
}

function numberOf(variable: string, text: string, most: number): number {
  const value = Number(text);
  if (/^\d{1,10}$/.test(text) && value <= most) return value;
  throw new TypeError(`${variable} is ${JSON.stringify(text)}, expected a number up to ${most}`);
}
