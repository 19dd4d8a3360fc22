import { DomainList } from "./domain/domain-list.ts";
import { EventHub } from "./event/event-hub.ts";
import { InterfaceList } from "./interface/host-interface.ts";
import { NetworkList } from "./network/network-list.ts";
import { NodeDeviceList } from "./node-device/node-device.ts";
import { SecretList } from "./secret/secret-list.ts";
import { PoolList } from "./storage/pool-list.ts";

/** Everything that one `test:///default` consists of, and who listens to its changes. */
export interface Hypervisor {
  readonly domains: DomainList;
  readonly networks: NetworkList;
  readonly pools: PoolList;
  readonly interfaces: InterfaceList;
  readonly nodeDevices: NodeDeviceList;
  readonly secrets: SecretList;
  readonly events: EventHub;
}

/** A hypervisor with nothing in it. */
export function emptyHypervisor(): Hypervisor {
  return {
    domains: new DomainList(),
    networks: new NetworkList(),
    pools: new PoolList(),
    interfaces: new InterfaceList(),
    nodeDevices: new NodeDeviceList(),
    secrets: new SecretList(),
    events: new EventHub(),
  };
}
