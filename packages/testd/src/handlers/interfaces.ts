import { onlyFlags } from "../failure.ts";
import { oneOf } from "../filter.ts";
import { type HostInterface, parseInterface } from "../interface/host-interface.ts";
import type { Session } from "../session.ts";
import { formatXml } from "../xml/format.ts";
import type { SessionHandlers } from "./session-handlers.ts";
import { bit, listed, upTo } from "./wire.ts";

const NAMES = { argument: "maxnames", name: "REMOTE_INTERFACE_LIST_MAX", most: 16_384 };
/** virConnectListAllInterfacesFlags. */
const List = { INACTIVE: 1, ACTIVE: 2 } as const;
const VALIDATE = 1;

/** The host's network interfaces, and transactions over their configuration. */
export const interfaceHandlers: SessionHandlers = {
  connectNumOfInterfaces: (_, session) => ({ num: interfaces(session, true).length }),
  connectNumOfDefinedInterfaces: (_, session) => ({ num: interfaces(session, false).length }),
  connectListInterfaces: ({ maxnames }, session) => ({
    names: upTo(names(interfaces(session, true)), maxnames, NAMES),
  }),
  connectListDefinedInterfaces: ({ maxnames }, session) => ({
    names: upTo(names(interfaces(session, false)), maxnames, NAMES),
  }),
  connectListAllInterfaces: ({ needResults, flags }, { hypervisor }) => {
    onlyFlags(flags, List.ACTIVE | List.INACTIVE, "testConnectListAllInterfaces");
    const found = hypervisor.interfaces.all();
    const wanted = found.filter(({ active }) => oneOf(flags, [List.ACTIVE, active], [List.INACTIVE, !active]));
    const { results, ret } = listed(wanted.map(ref), needResults);
    return { ifaces: results, ret };
  },
  interfaceLookupByName: ({ name }, { hypervisor }) => ({ iface: ref(hypervisor.interfaces.require(name)) }),
  interfaceLookupByMacString: ({ mac }, { hypervisor }) => ({ iface: ref(hypervisor.interfaces.byMac(mac)) }),
  interfaceGetXmlDesc: ({ iface, flags }, { hypervisor }) => {
    onlyFlags(flags, 0, "testInterfaceGetXMLDesc");
    return { xml: formatXml(hypervisor.interfaces.require(iface.name).definition) };
  },
  interfaceDefineXml: ({ xml, flags }, { hypervisor }) => {
    onlyFlags(flags, VALIDATE, "testInterfaceDefineXML");
    return { iface: ref(hypervisor.interfaces.define(parseInterface(xml))) };
  },
  interfaceUndefine: ({ iface }, { hypervisor }) => hypervisor.interfaces.undefine(iface.name),
  interfaceCreate: ({ iface, flags }, { hypervisor }) => {
    onlyFlags(flags, 0, "testInterfaceCreate");
    hypervisor.interfaces.setActive(iface.name, true);
  },
  interfaceDestroy: ({ iface, flags }, { hypervisor }) => {
    onlyFlags(flags, 0, "testInterfaceDestroy");
    hypervisor.interfaces.setActive(iface.name, false);
  },
  interfaceIsActive: ({ iface }, { hypervisor }) => ({ active: bit(hypervisor.interfaces.require(iface.name).active) }),
  interfaceChangeBegin: ({ flags }, { hypervisor }) => {
    onlyFlags(flags, 0, "testInterfaceChangeBegin");
    hypervisor.interfaces.begin();
  },
  interfaceChangeCommit: ({ flags }, { hypervisor }) => {
    onlyFlags(flags, 0, "testInterfaceChangeCommit");
    hypervisor.interfaces.commit();
  },
  interfaceChangeRollback: ({ flags }, { hypervisor }) => {
    onlyFlags(flags, 0, "testInterfaceChangeRollback");
    hypervisor.interfaces.rollback();
  },
};

function interfaces({ hypervisor }: Session, active: boolean): HostInterface[] {
  return hypervisor.interfaces.all().filter((found) => found.active === active);
}

function names(found: readonly HostInterface[]): string[] {
  return found.map(({ name }) => name);
}

function ref({ name, mac }: HostInterface): { name: string; mac: string } {
  return { name, mac };
}
