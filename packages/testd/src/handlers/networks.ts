import type { RemoteNonnullNetwork } from "@virnet/libvirt/remote";
import { Code, From, failure, internalError, onlyFlags, operationInvalid } from "../failure.ts";
import { parseNetwork } from "../network/definition.ts";
import { matchesNetwork, NETWORK_FILTERS } from "../network/filter.ts";
import type { Network } from "../network/network.ts";
import { updateNetwork } from "../network/update.ts";
import type { Session } from "../session.ts";
import { uuidFromBytes } from "../uuid.ts";
import { formatXml } from "../xml/format.ts";
import type { SessionHandlers } from "./session-handlers.ts";
import { bit, listed, namedRef, upTo } from "./wire.ts";

/** virNetworkEventLifecycleType. */
const Event = { DEFINED: 0, UNDEFINED: 1, STARTED: 2, STOPPED: 3 } as const;
const NAMES = { argument: "maxnames", name: "REMOTE_NETWORK_LIST_MAX", most: 16_384 };
const XML_INACTIVE = 1;
const VALIDATE = 1;

export const networkHandlers: SessionHandlers = {
  connectNumOfNetworks: (_, session) => ({ num: networks(session, true).length }),
  connectNumOfDefinedNetworks: (_, session) => ({ num: networks(session, false).length }),
  connectListNetworks: ({ maxnames }, session) => ({ names: upTo(names(networks(session, true)), maxnames, NAMES) }),
  connectListDefinedNetworks: ({ maxnames }, session) => ({
    names: upTo(names(networks(session, false)), maxnames, NAMES),
  }),
  connectListAllNetworks: ({ needResults, flags }, { hypervisor }) => {
    onlyFlags(flags, NETWORK_FILTERS, "testConnectListAllNetworks");
    const all = hypervisor.networks.all().filter((network) => matchesNetwork(network, flags));
    const { results, ret } = listed(all.map(namedRef), needResults);
    return { nets: results, ret };
  },
  networkLookupByName: ({ name }, { hypervisor }) => ({ net: namedRef(hypervisor.networks.require(name)) }),
  networkLookupByUuid: ({ uuid }, { hypervisor }) => {
    const text = uuidFromBytes(uuid);
    const found = hypervisor.networks.byUuid(text);
    if (found === null) throw failure(Code.NO_NETWORK, From.TEST, `no network with matching uuid '${text}'`);
    return { net: namedRef(found) };
  },
  networkCreateXml: ({ xml }, session) => ({ net: create(session, xml) }),
  networkCreateXmlFlags: ({ xml, flags }, session) => {
    onlyFlags(flags, VALIDATE, "testNetworkCreateXMLFlags");
    return { net: create(session, xml) };
  },
  networkDefineXml: ({ xml }, session) => ({ net: define(session, xml) }),
  networkDefineXmlFlags: ({ xml, flags }, session) => {
    onlyFlags(flags, VALIDATE, "testNetworkDefineXMLFlags");
    return { net: define(session, xml) };
  },
  networkUndefine: ({ net }, session) => {
    const network = networkOf(session, net);
    if (network.active) throw operationInvalid(`Network '${network.name}' is still running`);
    session.hypervisor.networks.forget(network);
    tell(session, network, Event.UNDEFINED);
  },
  networkCreate: ({ net }, session) => {
    const network = networkOf(session, net);
    if (network.active) throw operationInvalid(`Network '${network.name}' is already running`);
    network.start();
    tell(session, network, Event.STARTED);
  },
  networkDestroy: ({ net }, session) => {
    const network = networkOf(session, net);
    tell(session, network, Event.STOPPED);
    if (!network.stop()) session.hypervisor.networks.forget(network);
  },
  networkGetXmlDesc: ({ net, flags }, session) => {
    onlyFlags(flags, XML_INACTIVE, "testNetworkGetXMLDesc");
    const network = networkOf(session, net);
    return { xml: formatXml((flags & XML_INACTIVE) !== 0 ? network.config : network.current) };
  },
  networkGetBridgeName: ({ net }, session) => {
    const network = networkOf(session, net);
    if (network.bridge === null) throw internalError(`network '${network.name}' does not have a bridge name.`);
    return { name: network.bridge };
  },
  networkGetAutostart: ({ net }, session) => ({ autostart: bit(networkOf(session, net).autostart) }),
  networkSetAutostart: ({ net, autostart }, session) => {
    networkOf(session, net).autostart = autostart !== 0;
  },
  networkIsActive: ({ net }, session) => ({ active: bit(networkOf(session, net).active) }),
  networkIsPersistent: ({ net }, session) => ({ persistent: bit(networkOf(session, net).persistent) }),
  networkUpdate: ({ net, command, section, parentIndex, xml, flags }, session) => {
    onlyFlags(flags, 3, "testNetworkUpdate");
    // Older peers send the two numbers the other way round; this daemon says that it takes them in the right order.
    updateNetwork(networkOf(session, net), { command, section, parentIndex, xml, flags });
  },
};

function networkOf(session: Session, { name }: RemoteNonnullNetwork): Network {
  return session.hypervisor.networks.require(name);
}

function networks(session: Session, active: boolean): Network[] {
  return session.hypervisor.networks.all().filter((network) => network.active === active);
}

function names(found: readonly Network[]): string[] {
  return found.map(({ name }) => name);
}

function create(session: Session, xml: string): RemoteNonnullNetwork {
  const network = session.hypervisor.networks.create(parseNetwork(xml));
  tell(session, network, Event.STARTED);
  return namedRef(network);
}

function define(session: Session, xml: string): RemoteNonnullNetwork {
  const network = session.hypervisor.networks.define(parseNetwork(xml));
  tell(session, network, Event.DEFINED);
  return namedRef(network);
}

function tell({ hypervisor }: Session, { name, uuid }: Network, event: number): void {
  hypervisor.events.networkLifecycle(name, uuid, event);
}
