import type { RemoteNonnullStorageVol } from "@virnet/libvirt/remote";
import { lineEditor } from "../domain/line-editor.ts";
import { screenshotOf } from "../domain/screenshot.ts";
import { invalidArgument, onlyFlags } from "../failure.ts";
import type { Session } from "../session.ts";
import type { Extent } from "../storage/extents.ts";
import { giveOut, takeIn } from "../storage/transfer.ts";
import type { Volume } from "../storage/volume.ts";
import type { VolumeFile } from "../storage/volume-files.ts";
import type { SessionHandlers } from "./session-handlers.ts";
import { domainOf } from "./wire.ts";

const SPARSE = 1;
/** virDomainConsoleFlags: any client may have the console at any time, so both mean nothing here. */
const CONSOLE_FLAGS = 3;

/** Procedures that open streams. */
export const streamHandlers: SessionHandlers = {
  storageVolUpload: async ({ vol, offset, length, flags }, session, { accept }) => {
    onlyFlags(flags, SPARSE, "testStorageVolUpload");
    const volume = volumeOf(session, vol);
    const range = rangeOf(volume, offset, length);
    const opened = await session.files.open(volume);
    try {
      await takeIn(accept(undefined, { sparse: (flags & SPARSE) !== 0 }), opened, range);
    } finally {
      await opened.handle.close();
      volume.allocation = allocationOf(volume, opened.file);
    }
  },
  storageVolDownload: async ({ vol, offset, length, flags }, session, { accept }) => {
    onlyFlags(flags, SPARSE, "testStorageVolDownload");
    const volume = volumeOf(session, vol);
    const range = rangeOf(volume, offset, length);
    const stream = accept(undefined, { sparse: (flags & SPARSE) !== 0 });
    await giveOut(stream, session.files.find(volume), range);
  },
  domainOpenConsole: async ({ dom, flags }, session, { stream }) => {
    onlyFlags(flags, CONSOLE_FLAGS, "testDomainOpenConsole");
    const domain = domainOf(session, dom);
    domain.running();
    await lineEditor(stream, domain.name);
  },
  domainScreenshot: async ({ dom, screen, flags }, session, { accept }) => {
    onlyFlags(flags, 0, "testDomainScreenshot");
    const domain = domainOf(session, dom);
    domain.running();
    if (screen !== 0) throw invalidArgument("currently is supported only taking screenshots of screen ID 0");
    await accept({ mime: "image/png" }).write(screenshotOf(domain.name));
  },
};

function volumeOf({ hypervisor }: Session, { pool, name }: RemoteNonnullStorageVol): Volume {
  return hypervisor.pools.requireActive(pool).requireVolume(name);
}

/** Never less than what the volume was made with, as that is taken from the pool. */
function allocationOf({ allocation }: Volume, { extents }: VolumeFile): bigint {
  const written = BigInt(extents.bytes);
  return written > allocation ? written : allocation;
}

/** A length of 0 means: to the end. */
function rangeOf({ capacity }: Volume, offset: bigint, length: bigint): Extent {
  if (offset > capacity) throw invalidArgument(`offset ${offset} is beyond the volume's end at ${capacity}`);
  const end = length === 0n || offset + length > capacity ? capacity : offset + length;
  return { start: Number(offset), end: Number(end) };
}
