/** The blocks of one kind in a PEM text, each with its armour: `CERTIFICATE`, `X509 CRL`. */
export function pemBlocks(text: string, kind: string): string[] {
  const begin = `-----BEGIN ${kind}-----`;
  const end = `-----END ${kind}-----`;
  return text
    .split(begin)
    .slice(1)
    .flatMap((rest) => {
      const size = rest.indexOf(end);
      return size < 0 ? [] : [`${begin}${rest.slice(0, size)}${end}\n`];
    });
}

/** The bytes inside one PEM block. */
export function pemBytes(block: string): Uint8Array {
  return new Uint8Array(Buffer.from(block.replace(/-----[^-]*-----/g, ""), "base64"));
}
