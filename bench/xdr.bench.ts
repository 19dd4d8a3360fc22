/* A domain's reference, the commonest argument of libvirt's calls: name, UUID, id. Against the codec one writes first. */
import { decodeXdr, encodeInto, type XdrType, XdrWriter } from "virnet/xdr";
import { compare } from "./compare.ts";

interface Domain {
  readonly name: string;
  readonly uuid: Uint8Array;
  readonly id: number;
}

const Domain: XdrType<Domain> = {
  encode(writer, value) {
    writer.string(value.name, 4_194_304);
    writer.fixedOpaque(value.uuid, 16);
    writer.int(value.id);
  },
  decode(reader) {
    return { name: reader.string(4_194_304), uuid: reader.fixedOpaque(16), id: reader.int() };
  },
};

const domain: Domain = { name: "web-frontend-03", uuid: Uint8Array.from({ length: 16 }, (_, i) => i), id: 7 };

const encoder = new TextEncoder();
const decoder = new TextDecoder();
const writer = new XdrWriter(1024);
const bytes = naiveEncode(domain);
assertSame(bytes, encodeOnce());

await compare("encode name, UUID, id", {
  "DataView + TextEncoder": () => naiveEncode(domain),
  "virnet/xdr, writer reused": () => {
    writer.position = 0;
    encodeInto(writer, Domain, domain, "domain");
  },
});

await compare("decode name, UUID, id", {
  "DataView + TextDecoder": () => naiveDecode(bytes),
  "virnet/xdr": () => decodeXdr(Domain, bytes),
});

function encodeOnce(): Uint8Array {
  writer.position = 0;
  encodeInto(writer, Domain, domain, "domain");
  return writer.written();
}

function naiveEncode({ name, uuid, id }: Domain): Uint8Array {
  const text = encoder.encode(name);
  const padded = (text.length + 3) & ~3;
  const out = new Uint8Array(4 + padded + 16 + 4);
  const view = new DataView(out.buffer);
  view.setUint32(0, text.length);
  out.set(text, 4);
  out.set(uuid, 4 + padded);
  view.setInt32(4 + padded + 16, id);
  return out;
}

function naiveDecode(from: Uint8Array): Domain {
  const view = new DataView(from.buffer, from.byteOffset, from.byteLength);
  const length = view.getUint32(0);
  const name = decoder.decode(from.subarray(4, 4 + length));
  const at = 4 + ((length + 3) & ~3);
  return { name, uuid: from.slice(at, at + 16), id: view.getInt32(at + 16) };
}

function assertSame(expected: Uint8Array, actual: Uint8Array): void {
  if (Buffer.compare(expected, actual) !== 0) throw new Error("the two codecs disagree");
}
