import { hostname } from "node:os";
import { onlyFlags } from "../failure.ts";
import { capabilitiesXml } from "../host/capabilities.ts";
import { HOST } from "../host/host.ts";
import type { SessionHandlers } from "./session-handlers.ts";
import { bit } from "./wire.ts";

/** virDrvFeature: to pass descriptors depends on the connection (F036). */
const FD_PASSING = 8;
/** Those that this daemon always has. */
const FEATURES = {
  TYPED_PARAM_STRING: 9,
  KEEPALIVE: 10,
  EVENT_CALLBACK: 14,
  CLOSE_CALLBACK: 15,
  UPDATE_ORDER: 16,
} as const;

/** The release whose behaviour this daemon has: major * 1000000 + minor * 1000 + release. */
const LIBVIRT_VERSION = 9_000_000n;
const TEST_DRIVER_VERSION = 2n;

export const connectHandlers: SessionHandlers = {
  connectOpen: ({ name, flags }, session) => session.open(name, flags),
  connectClose: (_, session) => {
    session.close();
    session.client.close();
  },
  connectSupportsFeature: ({ feature }, session) => {
    // Only the question for keepalive may come before the connection is open.
    if (feature === FEATURES.KEEPALIVE) session.client.startKeepalive();
    else void session.hypervisor;
    if (feature === FD_PASSING) return { supported: bit(session.client.passesDescriptors) };
    return { supported: bit(Object.values<number>(FEATURES).includes(feature)) };
  },
  connectGetType: () => ({ type: "TEST" }),
  connectGetVersion: () => ({ hvVer: TEST_DRIVER_VERSION }),
  connectGetLibVersion: () => ({ libVer: LIBVIRT_VERSION }),
  connectGetUri: (_, session) => ({ uri: session.uri }),
  connectGetHostname: () => ({ hostname: hostname() }),
  connectIsSecure: (_, { client }) => ({ secure: bit(client.local.family === "unix" || client.security !== null) }),
  connectGetMaxVcpus: () => ({ maxVcpus: HOST.maxVcpus }),
  connectGetCapabilities: () => ({ capabilities: capabilitiesXml() }),
  connectGetSysinfo: ({ flags }) => {
    onlyFlags(flags, 0, "testConnectGetSysinfo");
    return { sysinfo: SYSINFO };
  },
  connectRegisterCloseCallback: () => undefined,
  connectUnregisterCloseCallback: () => undefined,
};

const SYSINFO = `<sysinfo type='smbios'>
  <bios>
    <entry name='vendor'>LENOVO</entry>
    <entry name='version'>G4ETA1WW (2.61 )</entry>
    <entry name='date'>05/07/2014</entry>
    <entry name='release'>2.61</entry>
  </bios>
</sysinfo>
`;
