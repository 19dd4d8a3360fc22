import { remoteAuth } from "@virnet/libvirt";
import { Remote } from "@virnet/libvirt/remote";
import { Server, type ServerAuth, type ServiceOptions } from "virnet/server";

/** Answers virsh's `hostname` with the user, and what protects the connection: `alice DIGEST-MD5 128`, `alice - 0`. */
export interface WhoServer extends AsyncDisposable {
  listenTcp(auth: ServerAuth, options?: ServiceOptions): Promise<number>;
  listenUnix(path: string, auth: ServerAuth): Promise<void>;
}

export function whoServer(): WhoServer {
  const server = new Server({ name: "who", authBinding: remoteAuth });
  server.add(Remote, {
    connectOpen: () => undefined,
    connectClose: () => undefined,
    connectSupportsFeature: () => ({ supported: 0 }),
    connectRegisterCloseCallback: () => undefined,
    connectUnregisterCloseCallback: () => undefined,
    connectGetUri: () => ({ uri: "test:///default" }),
    connectGetHostname(_, { client }) {
      const { cipher, ssf } = client.security ?? { cipher: "-", ssf: 0 };
      return { hostname: `${client.identity.saslUserName} ${cipher} ${ssf}` };
    },
    // As long as what was asked for: goes through a layer in several frames.
    connectDomainXmlFromNative: ({ nativeConfig }) => ({ domainXml: nativeConfig }),
  });
  return {
    async listenTcp(auth, options = {}) {
      const { port = 0 } = await server.listen({ host: "localhost", port: 0 }, { ...options, auth });
      return port;
    },
    async listenUnix(path, auth) {
      await server.listen({ path, mode: 0o600 }, { auth });
    },
    [Symbol.asyncDispose]: () => server.close(),
  };
}
