const AF_UNIX = 1;
const FAMILY_BYTES = 2;
const PATH_BYTES = 107;

/** A struct sockaddr_un; a path that begins with `@` is abstract. Throws `RangeError` for one that can be none. */
export function socketAddress(path: string): Uint8Array {
  const bytes = new TextEncoder().encode(path);
  if (bytes.length === 0 || bytes.length > PATH_BYTES || bytes.includes(0))
    throw new RangeError(`the path of a UNIX socket has 1 to ${PATH_BYTES} bytes and no NUL: ${JSON.stringify(path)}`);
  const isAbstract = path.startsWith("@");
  if (isAbstract) bytes[0] = 0;
  const address = new Uint8Array(FAMILY_BYTES + bytes.length + (isAbstract ? 0 : 1));
  new Uint16Array(address.buffer, 0, 1)[0] = AF_UNIX;
  address.set(bytes, FAMILY_BYTES);
  return address;
}
