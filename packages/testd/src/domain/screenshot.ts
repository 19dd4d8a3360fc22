import { crc32, deflateSync } from "node:zlib";

const WIDTH = 640;
const HEIGHT = 400;
const BYTES_PER_PIXEL = 3;
const SIGNATURE = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a);

/** A picture of a domain's screen, as PNG: bands of colours that its name chooses. */
export function screenshotOf(name: string): Uint8Array {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(WIDTH, 0);
  header.writeUInt32BE(HEIGHT, 4);
  header.set([8, 2], 8); // eight bits each of red, green and blue
  const pixels = deflateSync(picture(crc32(name)));
  return Buffer.concat([SIGNATURE, chunk("IHDR", header), chunk("IDAT", pixels), chunk("IEND", new Uint8Array(0))]);
}

/** Rows of pixels, each behind a byte that says it is not filtered. */
function picture(seed: number): Uint8Array {
  const row = 1 + WIDTH * BYTES_PER_PIXEL;
  const bytes = new Uint8Array(row * HEIGHT);
  for (let y = 0; y < HEIGHT; y++) {
    for (let x = 0; x < WIDTH; x++) {
      const at = y * row + 1 + x * BYTES_PER_PIXEL;
      bytes[at] = (seed + ((x >> 5) * 37 + y)) & 0xff;
      bytes[at + 1] = ((seed >> 8) + (y >> 4) * 23) & 0xff;
      bytes[at + 2] = ((seed >> 16) + x) & 0xff;
    }
  }
  return bytes;
}

function chunk(type: string, data: Uint8Array): Uint8Array {
  const typed = Buffer.concat([Buffer.from(type, "latin1"), data]);
  const framed = Buffer.alloc(typed.length + 8);
  framed.writeUInt32BE(data.length, 0);
  framed.set(typed, 4);
  framed.writeUInt32BE(crc32(typed), typed.length + 4);
  return framed;
}
