import { State } from "./domain/domain.ts";
import { Reason } from "./domain/lifecycle.ts";
import { parseDomain } from "./domain/parse.ts";
import type { Hypervisor } from "./hypervisor.ts";
import { parseInterface } from "./interface/host-interface.ts";
import { parseNetwork } from "./network/definition.ts";
import { parseNodeDevice } from "./node-device/node-device.ts";
import { parsePool } from "./storage/pool-definition.ts";

/** Fills an empty hypervisor with what `test:///default` has: one of everything, and running. */
export function defaultState(hypervisor: Hypervisor): void {
  const { domain } = hypervisor.domains.define(parseDomain(DOMAIN));
  domain.start(hypervisor.domains.nextId(), State.RUNNING, Reason.RUNNING_UNKNOWN);
  hypervisor.networks.define(parseNetwork(NETWORK)).start();
  hypervisor.interfaces.define(parseInterface(INTERFACE), true);
  hypervisor.pools.define(parsePool(POOL)).active = true;
  for (const device of [
    hostAdapter(1, 0, "1234", "4321"),
    virtualPort(),
    COMPUTER,
    hostAdapter(2, 1, "5678", "8765"),
  ]) {
    hypervisor.nodeDevices.add(parseNodeDevice(device));
  }
}

const DOMAIN = `
<domain type='test'>
  <name>test</name>
  <uuid>6695eb01-f6a4-8304-79aa-97f2502e193f</uuid>
  <memory unit='KiB'>8388608</memory>
  <currentMemory unit='KiB'>2097152</currentMemory>
  <vcpu>2</vcpu>
  <os><type>hvm</type></os>
  <devices>
    <disk type='file'>
      <source file='/guest/diskimage1'/>
      <target dev='vda'/>
      <address type='pci' domain='0x0000' bus='0x01' slot='0x00' function='0x0'/>
    </disk>
    <interface type='network'>
      <mac address='aa:bb:cc:dd:ee:ff'/>
      <source network='default'/>
      <target dev='testnet0'/>
      <address type='pci' domain='0x0000' bus='0x00' slot='0x01' function='0x0'/>
    </interface>
    <memballoon model='virtio'>
      <address type='pci' domain='0x0000' bus='0x00' slot='0x02' function='0x0'/>
    </memballoon>
  </devices>
</domain>`;

const NETWORK = `
<network>
  <name>default</name>
  <uuid>dd8fe884-6c02-601e-7551-cca97df1c5df</uuid>
  <forward mode='nat'/>
  <bridge name='virbr0'/>
  <ip address='192.168.122.1' netmask='255.255.255.0'>
    <dhcp><range start='192.168.122.2' end='192.168.122.254'/></dhcp>
  </ip>
</network>`;

const INTERFACE = `
<interface type='ethernet' name='eth1'>
  <start mode='onboot'/>
  <mac address='aa:bb:cc:dd:ee:ff'/>
  <mtu size='1492'/>
  <protocol family='ipv4'>
    <ip address='192.168.0.5' prefix='24'/>
    <route gateway='192.168.0.1'/>
  </protocol>
</interface>`;

const POOL = `
<pool type='dir'>
  <name>default-pool</name>
  <uuid>dfe224cb-28fb-8dd0-c4b2-64eb3f0f4566</uuid>
  <target><path>/default-pool</path></target>
</pool>`;

const COMPUTER = `
<device>
  <name>computer</name>
  <capability type='system'>
    <hardware>
      <vendor>Libvirt</vendor>
      <version>Test driver</version>
      <serial>123456</serial>
      <uuid>11111111-2222-3333-4444-555555555555</uuid>
    </hardware>
    <firmware>
      <vendor>Libvirt</vendor>
      <version>Test Driver</version>
      <release_date>01/22/2007</release_date>
    </firmware>
  </capability>
</device>`;

function hostAdapter(host: number, unique: number, own: string, fabric: string): string {
  return `
<device>
  <name>scsi_host${host}</name>
  <parent>computer</parent>
  <capability type='scsi_host'>
    <host>${host}</host>
    <unique_id>${unique}</unique_id>
    <capability type='fc_host'>
      <wwnn>20000000${own}${own}</wwnn>
      <wwpn>10000000${own}${own}</wwpn>
      <fabric_wwn>20000000${fabric}${fabric}</fabric_wwn>
    </capability>
    <capability type='vport_ops'>
      <max_vports>0</max_vports>
      <vports>0</vports>
    </capability>
  </capability>
</device>`;
}

function virtualPort(): string {
  return `
<device>
  <name>scsi_host11</name>
  <parent>scsi_host1</parent>
  <capability type='scsi_host'>
    <host>11</host>
    <unique_id>10</unique_id>
    <capability type='fc_host'>
      <wwnn>2000000034563456</wwnn>
      <wwpn>1000000034563456</wwpn>
      <fabric_wwn>2000000043214321</fabric_wwn>
    </capability>
  </capability>
</device>`;
}
