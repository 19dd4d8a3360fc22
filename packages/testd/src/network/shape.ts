import { FOREIGN, type Shape, shape } from "../xml/shape.ts";

const empty = shape();
const host = shape("mac id name ip", { lease: shape("expiry unit") });
const rate = shape("average peak burst floor");
const bandwidth = shape("", { inbound: rate, outbound: rate });
const vlan = shape("trunk", { tag: shape("id nativeMode") });
const virtualport = shape("type", {
  parameters: shape("managerid typeid typeidversion instanceid profileid interfaceid"),
});

/** Everything a network's description may hold, in libvirt's order of writing. */
export const networkShape: Shape = shape("ipv6 trustGuestRxFilters", {
  name: empty,
  uuid: empty,
  title: empty,
  description: empty,
  metadata: FOREIGN,
  forward: shape("dev mode managed", {
    driver: shape("name"),
    nat: shape("ipv6", { address: shape("start end"), port: shape("start end") }),
    interface: shape("dev"),
    address: shape("type domain bus slot function"),
    pf: shape("dev"),
  }),
  bridge: shape("name zone stp delay macTableManager"),
  mtu: shape("size"),
  mac: shape("address"),
  domain: shape("name localOnly register"),
  dns: shape("enable forwardPlainNames", {
    forwarder: shape("domain addr"),
    txt: shape("name value"),
    srv: shape("service protocol domain target port priority weight"),
    host: shape("ip", { hostname: empty }),
  }),
  bandwidth,
  vlan,
  virtualport,
  port: shape("isolated"),
  portgroup: shape("name default trustGuestRxFilters", { vlan, virtualport, bandwidth, port: shape("isolated") }),
  ip: shape("family address netmask prefix localPtr", {
    tftp: shape("root"),
    dhcp: shape("", {
      range: shape("start end", { lease: shape("expiry unit") }),
      host,
      bootp: shape("file server"),
    }),
  }),
  route: shape("family address netmask prefix gateway metric"),
});
