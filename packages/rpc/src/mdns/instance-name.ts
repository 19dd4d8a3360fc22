/** A name is one DNS label: 63 bytes of UTF-8 (RFC 6763 §4.1.1). */
const NAME_BYTES = 63;

/** `name` if a service can have it. Throws `RangeError` otherwise. */
export function checkedName(name: string): string {
  const size = new TextEncoder().encode(name).length;
  if (size === 0) throw new RangeError("the name of a service is empty");
  if (size > NAME_BYTES)
    throw new RangeError(`the name of a service has at most ${NAME_BYTES} bytes, this one ${size}: ${name}`);
  // RFC 6763 §4.1.1
  if (/\p{Cc}/u.test(name)) throw new RangeError("the name of a service holds a control character");
  return name;
}

/** What Avahi calls a service whose name is taken: `echo`, `echo #2`, `echo #3`; cut to fit, whole characters only. */
export function alternativeName(name: string): string {
  const [, base = name, number = "1"] = /^(.+) #([1-9][0-9]{0,8})$/su.exec(name) ?? [];
  const suffix = ` #${Number(number) + 1}`;
  return cut(base, NAME_BYTES - suffix.length) + suffix;
}

function cut(text: string, bytes: number): string {
  const characters = Array.from(text); // by code points, so that none is cut in two
  while (new TextEncoder().encode(characters.join("")).length > bytes) characters.pop();
  return characters.join("");
}
