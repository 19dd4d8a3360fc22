import { RpcError } from "virnet";
import { describe, expect, it } from "vitest";
import { formatDomain } from "../../src/domain/definition.ts";
import { nameInterfaces } from "../../src/domain/devices.ts";
import { parseDomain } from "../../src/domain/parse.ts";
import { domainXml } from "../helpers/documents.ts";

function devicesOf(devices: string): string {
  const text = formatDomain(parseDomain(domainXml("a", { devices })));
  return text.slice(text.indexOf("<devices>"), text.indexOf("</devices>"));
}

function complaint(xml: string): { code: number; message: string } {
  try {
    parseDomain(xml);
  } catch (error) {
    if (error instanceof RpcError) return { code: error.code, message: error.message };
    throw error;
  }
  throw new Error("parsed");
}

describe("parseDomain", () => {
  it("fills in what libvirt fills in, in its order", () => {
    const uuid = "b478bcd8-982a-40f3-bf56-3fd162a6f881";
    expect(formatDomain(parseDomain(domainXml("a", { uuid })), { id: 7 })).toBe(`<domain type='test' id='7'>
  <name>a</name>
  <uuid>b478bcd8-982a-40f3-bf56-3fd162a6f881</uuid>
  <memory unit='KiB'>1000</memory>
  <currentMemory unit='KiB'>1000</currentMemory>
  <vcpu placement='static'>1</vcpu>
  <os>
    <type arch='i686'>hvm</type>
    <boot dev='hd'/>
  </os>
  <clock offset='utc'/>
  <on_poweroff>destroy</on_poweroff>
  <on_reboot>restart</on_reboot>
  <on_crash>destroy</on_crash>
  <devices>
  </devices>
</domain>
`);
  });

  it("reads what it writes to the same text", () => {
    const devices = `<disk><source file='/x'/><target dev='sdb'/></disk><disk><source file='/y'/><target dev='sda'/></disk>
      <graphics type='spice' port='5900'/><console/><channel type='unix'><target type='virtio'/></channel>
      <interface type='bridge'><source bridge='b'/></interface><input type='tablet'/><watchdog model='ib700'/>
      <hostdev type='pci'><source><address bus='1' slot='2' function='0'/></source></hostdev>`;
    const top = `<title>t</title><iothreads>2</iothreads><vcpu current='1' cpuset='0-3,^2'>4</vcpu><cpu><model>n270</model></cpu>
      <metadata><a xmlns='u'><b/></a></metadata><memtune><hard_limit unit='MiB'>1</hard_limit></memtune>`;
    const once = formatDomain(parseDomain(domainXml("a", { top, devices })));
    expect(formatDomain(parseDomain(once))).toBe(once);
  });

  it("sorts disks of one bus, gives them addresses and the controllers they need", () => {
    const devices = devicesOf(
      "<disk><source file='/x'/><target dev='sdh'/></disk><disk device='cdrom'><target dev='hdc'/></disk><disk><source file='/y'/><target dev='sda'/></disk>",
    );
    expect(devices.match(/dev='\w+'/g)).toEqual(["dev='sda'", "dev='sdh'", "dev='hdc'"]);
    expect(devices).toContain("<address type='drive' controller='1' bus='0' target='0' unit='0'/>");
    expect(devices).toContain("<address type='drive' controller='0' bus='1' target='0' unit='0'/>");
    expect(devices.match(/<controller [^>]+>/g)).toEqual([
      "<controller type='scsi' index='0'/>",
      "<controller type='scsi' index='1'/>",
      "<controller type='ide' index='0'/>",
    ]);
  });

  it("pairs the first console with the first serial port", () => {
    expect(devicesOf("<console type='pty'/>")).toContain("<serial type='pty'>");
    expect(devicesOf("<serial type='file'><source path='/x'/></serial>")).toContain("<console type='file'>");
  });

  it("puts an adapter behind a screen", () => {
    const devices = devicesOf("<graphics type='vnc'/>");
    expect(devices).toContain("<graphics type='vnc' port='-1' autoport='yes'>");
    expect(devices).toContain("<model type='cirrus' vram='16384' heads='1' primary='yes'/>");
  });

  it("names interfaces on the host, over names that hypervisors make up", () => {
    const user =
      "<interface type='user'/><interface><target dev='vnet3'/></interface><interface><target dev='testnet0'/></interface>";
    const definition = parseDomain(domainXml("a", { devices: user }));
    nameInterfaces(definition);
    expect(formatDomain(definition).match(/<target dev='\w+'\/>/g)).toEqual([
      "<target dev='testnet1'/>",
      "<target dev='testnet2'/>",
      "<target dev='testnet0'/>",
    ]);
  });

  it("drops what libvirt has no room for", () => {
    expect(devicesOf("<nosuch/><disk><source file='/x' foo='1'/><target dev='vda'/></disk>")).not.toMatch(/nosuch|foo/);
  });

  it("keeps passwords to those who ask for them", () => {
    const definition = parseDomain(domainXml("a", { devices: "<graphics type='vnc' passwd='secret'/>" }));
    expect(formatDomain(definition)).not.toContain("secret");
    expect(formatDomain(definition, { secure: true })).toContain("passwd='secret'");
  });

  it.each([
    ["<domain><name>a</name></domain>", 1, "internal error: missing domain type attribute"],
    ["<domain type='x'><name>a</name></domain>", 67, "unsupported configuration: invalid domain type x"],
    ["<domain type='test'><memory>1</memory></domain>", 21, "missing name information"],
    [domainXml("a/b"), 27, "XML error: name a/b cannot contain '/'"],
    [domainXml("a", { uuid: "zz" }), 1, "internal error: malformed uuid element"],
    [
      domainXml("a", { top: "<vcpu current='5'>4</vcpu>" }),
      67,
      "unsupported configuration: maximum vCPU count must not be less than current vCPU count",
    ],
    [domainXml("a", { top: "<vcpu>x</vcpu>" }), 27, "XML error: maximum vcpus count must be an integer"],
    [domainXml("a", { top: "<iothreads>999999999</iothreads>" }), 27, "XML error: invalid iothreads count '999999999'"],
    [
      domainXml("a", { top: "<currentMemory unit='foo'>1</currentMemory>" }),
      8,
      "invalid argument: unknown suffix 'foo'",
    ],
    [domainXml("a", { devices: "<disk/>" }), 20, "missing target information for device"],
    [domainXml("a", { devices: "<disk><target dev='vda'/></disk>" }), 19, "missing source information for device vda"],
    [
      domainXml("a", { devices: "<interface type='network'/>" }),
      27,
      "XML error: interface type='network' requires a 'source' element",
    ],
    [
      domainXml("a", { devices: "<interface><mac address='zz'/></interface>" }),
      27,
      "XML error: unable to parse mac address 'zz'",
    ],
    // Names that every JavaScript object knows are strangers here.
    [
      domainXml("a", { devices: "<video><model type='constructor'/></video>" }),
      67,
      "unsupported configuration: unknown video model 'constructor'",
    ],
    [
      domainXml("a", { devices: "<input type='toString'/>" }),
      1,
      "internal error: unknown input device type 'toString'",
    ],
    [
      domainXml("a", { top: "<features><constructor/></features>" }),
      67,
      "unsupported configuration: unexpected feature 'constructor'",
    ],
    [
      domainXml("a", { top: "<currentMemory unit='kconstructor'>1</currentMemory>" }),
      8,
      "invalid argument: unknown suffix 'kconstructor'",
    ],
  ])("refuses %s", (xml, code, message) => {
    expect(complaint(xml)).toEqual({ code, message });
  });
});
