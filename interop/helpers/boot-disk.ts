import { writeFile } from "node:fs/promises";

const SECTOR = 512;
const SIZE = 1_048_576;
const SIGNATURE = 0xaa55;
const HALT = "f4 eb fd";

/** What a guest without a system can do to its machine, in 16-bit machine code. */
export const bootCode = {
  halt: HALT,
  /** Sets the clock by the BIOS, then starts the ib700 watchdog with two seconds. */
  clockAndWatchdog: `b4 03 b5 12 b1 00 b6 00 b2 00 cd 1a ba 43 04 b0 0e ee ${HALT}`,
  /** Writes SLP_EN and S3 to PM1a_CNT. */
  suspendToMemory: `ba 04 06 b8 00 24 ef ${HALT}`,
  /** The same with S4. */
  suspendToDisk: `ba 04 06 b8 00 28 ef ${HALT}`,
} as const;

/** Writes a disk that boots into the given code. */
export async function writeBootDisk(path: string, code: string): Promise<void> {
  const disk = Buffer.alloc(SIZE);
  Buffer.from(code.replaceAll(" ", ""), "hex").copy(disk);
  disk.writeUInt16LE(SIGNATURE, SECTOR - 2);
  await writeFile(path, disk);
}
