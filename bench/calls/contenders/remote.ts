import { Remote } from "@virnet/libvirt/remote";
import { connect } from "virnet";
import { Server } from "virnet/server";
import { type Contender, type Place, promisingSession } from "../contender.ts";
import { callFrames } from "../frames.ts";
import { openPipe } from "../pipe.ts";
import { RawSession } from "../raw-session.ts";

const authList = { program: Remote.number, version: Remote.version, procedure: Remote.procedures.authList.number };

/** A raw client that asks a libvirtd, or our server in its place, how to authenticate: its cheapest call. */
export const remoteRaw: Contender = {
  serve,
  async open(place) {
    return new RawSession(await openPipe(place), (_bytes, count) => callFrames(authList, 0, count));
  },
};

/** Our client, asking for the host's name as the C client does. */
export const remoteVirnet: Contender = {
  serve,
  async open(place) {
    const remote = (await connect(place)).program(Remote);
    await remote.authList();
    await remote.connectOpen({ name: "test:///default", flags: 0 });
    return promisingSession(() => () => remote.connectGetHostname());
  },
};

/** As much of libvirtd as libvirt's client needs for that one question. */
async function serve(place: Place): Promise<Place> {
  const server = new Server({ name: "bench" }).add(Remote, {
    authList: () => ({ types: [0] }),
    connectOpen() {},
    connectClose() {},
    connectSupportsFeature: () => ({ supported: 0 }),
    connectGetHostname: () => ({ hostname: "bench.example.org" }),
  });
  const { port } = await server.listen(place);
  return "path" in place || port === undefined ? place : { host: place.host, port };
}
