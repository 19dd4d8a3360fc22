import { VirConnectListAllNodeDeviceFlags as F } from "@virnet/libvirt/enums";
import { onlyFlags } from "../failure.ts";
import { oneOf } from "../filter.ts";
import { allCapabilityTypes, capabilityTypes, type NodeDevice, parseNodeDevice } from "../node-device/node-device.ts";
import type { Session } from "../session.ts";
import { formatXml } from "../xml/format.ts";
import type { SessionHandlers } from "./session-handlers.ts";
import { listed, upTo } from "./wire.ts";

/** virNodeDeviceEventLifecycleType. */
const Event = { CREATED: 0, DELETED: 1 } as const;
const NAMES = { argument: "maxnames", name: "REMOTE_NODE_DEVICE_LIST_MAX", most: 65_536 };
const CAPS = { argument: "maxnames", name: "REMOTE_NODE_DEVICE_CAPS_LIST_MAX", most: 65_536 };
const VALIDATE = 1;

/** Filters by capability; the lists by activity and persistence came to other drivers only. */
const CAPABILITIES: readonly (readonly [bit: number, type: string])[] = [
  [F.CAP_SYSTEM, "system"],
  [F.CAP_PCI_DEV, "pci"],
  [F.CAP_USB_DEV, "usb_device"],
  [F.CAP_USB_INTERFACE, "usb"],
  [F.CAP_NET, "net"],
  [F.CAP_SCSI_HOST, "scsi_host"],
  [F.CAP_SCSI_TARGET, "scsi_target"],
  [F.CAP_SCSI, "scsi"],
  [F.CAP_STORAGE, "storage"],
  [F.CAP_FC_HOST, "fc_host"],
  [F.CAP_VPORTS, "vport_ops"],
  [F.CAP_SCSI_GENERIC, "scsi_generic"],
  [F.CAP_DRM, "drm"],
  [F.CAP_MDEV_TYPES, "mdev_types"],
  [F.CAP_MDEV, "mdev"],
  [F.CAP_CCW_DEV, "ccw"],
  [F.CAP_CSS_DEV, "css"],
  [F.CAP_VDPA, "vdpa"],
  [F.CAP_AP_CARD, "ap_card"],
  [F.CAP_AP_QUEUE, "ap_queue"],
  [F.CAP_AP_MATRIX, "ap_matrix"],
  [F.CAP_VPD, "vpd"],
];
const CAPABILITY_FILTERS = CAPABILITIES.reduce((all, [bit]) => all | bit, 0);

/** Devices of the host. */
export const nodeDeviceHandlers: SessionHandlers = {
  nodeNumOfDevices: ({ cap, flags }, session) => {
    onlyFlags(flags, 0, "testNodeNumOfDevices");
    return { num: withCapability(session, cap).length };
  },
  nodeListDevices: ({ cap, maxnames, flags }, session) => {
    onlyFlags(flags, 0, "testNodeListDevices");
    return {
      names: upTo(
        withCapability(session, cap).map(({ name }) => name),
        maxnames,
        NAMES,
      ),
    };
  },
  connectListAllNodeDevices: ({ needResults, flags }, { hypervisor }) => {
    onlyFlags(flags, CAPABILITY_FILTERS, "testConnectListAllNodeDevices");
    const found = hypervisor.nodeDevices.all().filter((device) => {
      const types = allCapabilityTypes(device);
      return oneOf(flags, ...CAPABILITIES.map(([bit, type]) => [bit, types.includes(type)] as const));
    });
    const { results, ret } = listed(
      found.map(({ name }) => ({ name })),
      needResults,
    );
    return { devices: results, ret };
  },
  nodeDeviceLookupByName: ({ name }, { hypervisor }) => ({ dev: { name: hypervisor.nodeDevices.require(name).name } }),
  nodeDeviceGetXmlDesc: ({ name, flags }, { hypervisor }) => {
    onlyFlags(flags, 0, "testNodeDeviceGetXMLDesc");
    return { xml: formatXml(hypervisor.nodeDevices.require(name).definition) };
  },
  nodeDeviceGetParent: ({ name }, { hypervisor }) => ({ parentName: hypervisor.nodeDevices.require(name).parent }),
  nodeDeviceNumOfCaps: ({ name }, { hypervisor }) => ({
    num: capabilityTypes(hypervisor.nodeDevices.require(name)).length,
  }),
  nodeDeviceListCaps: ({ name, maxnames }, { hypervisor }) => {
    return { names: upTo(capabilityTypes(hypervisor.nodeDevices.require(name)), maxnames, CAPS) };
  },
  nodeDeviceCreateXml: ({ xmlDesc, flags }, { hypervisor }) => {
    onlyFlags(flags, VALIDATE, "testNodeDeviceCreateXML");
    const { name } = hypervisor.nodeDevices.createVport(parseNodeDevice(xmlDesc));
    hypervisor.events.nodeDeviceLifecycle(name, Event.CREATED);
    return { dev: { name } };
  },
  nodeDeviceDestroy: ({ name }, { hypervisor }) => {
    const device = hypervisor.nodeDevices.require(name);
    // Only what can be made anew can be taken away; the rest of the host stays, without a word.
    if (!allCapabilityTypes(device).includes("fc_host")) return;
    hypervisor.nodeDevices.remove(device);
    hypervisor.events.nodeDeviceLifecycle(name, Event.DELETED);
  },
};

function withCapability({ hypervisor }: Session, cap: string | null): NodeDevice[] {
  return hypervisor.nodeDevices.all().filter((device) => cap === null || allCapabilityTypes(device).includes(cap));
}
