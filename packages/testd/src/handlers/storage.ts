import type { RemoteNonnullStoragePool, RemoteNonnullStorageVol } from "@virnet/libvirt/remote";
import { Code, From, failure, invalidArgument, onlyFlags, xmlError } from "../failure.ts";
import type { Session } from "../session.ts";
import { matchesPool, POOL_FILTERS } from "../storage/filter.ts";
import { formatPool, type Pool } from "../storage/pool.ts";
import { noPool, parsePool } from "../storage/pool-definition.ts";
import { formatVolume, parseVolume, type Volume } from "../storage/volume.ts";
import { uuidFromBytes } from "../uuid.ts";
import { attributeOf, element } from "../xml/element.ts";
import { formatXml } from "../xml/format.ts";
import { parseXml } from "../xml/parse.ts";
import type { SessionHandlers } from "./session-handlers.ts";
import { bit, listed, namedRef, upTo, volumeRef } from "./wire.ts";

/** virStoragePoolEventLifecycleType. */
const Event = { DEFINED: 0, UNDEFINED: 1, STARTED: 2, STOPPED: 3, CREATED: 4, DELETED: 5 } as const;
/** virStoragePoolState. */
const PoolState = { INACTIVE: 0, RUNNING: 2 } as const;
const XML_INACTIVE = 1;
const VALIDATE = 1;
const NAMES = { argument: "maxnames", name: "REMOTE_STORAGE_POOL_LIST_MAX", most: 16_384 };
const VOLUMES = { argument: "maxnames", name: "REMOTE_STORAGE_VOL_LIST_MAX", most: 16_384 };

/** Storage pools and what is in them. */
export const storageHandlers: SessionHandlers = {
  connectNumOfStoragePools: (_, session) => ({ num: pools(session, true).length }),
  connectNumOfDefinedStoragePools: (_, session) => ({ num: pools(session, false).length }),
  connectListStoragePools: ({ maxnames }, session) => ({ names: upTo(names(pools(session, true)), maxnames, NAMES) }),
  connectListDefinedStoragePools: ({ maxnames }, session) => ({
    names: upTo(names(pools(session, false)), maxnames, NAMES),
  }),
  connectListAllStoragePools: ({ needResults, flags }, { hypervisor }) => {
    onlyFlags(flags, POOL_FILTERS, "testConnectListAllStoragePools");
    const found = hypervisor.pools.all().filter((pool) => matchesPool(pool, flags));
    const { results, ret } = listed(found.map(namedRef), needResults);
    return { pools: results, ret };
  },
  connectFindStoragePoolSources: ({ type, srcSpec, flags }) => {
    onlyFlags(flags, 0, "testConnectFindStoragePoolSources");
    return { xml: poolSources(type, srcSpec) };
  },
  storagePoolLookupByName: ({ name }, { hypervisor }) => ({ pool: namedRef(hypervisor.pools.require(name)) }),
  storagePoolLookupByUuid: ({ uuid }, { hypervisor }) => {
    const text = uuidFromBytes(uuid);
    const found = hypervisor.pools.byUuid(text);
    if (found === null) throw noPool(`no storage pool with matching uuid '${text}'`);
    return { pool: namedRef(found) };
  },
  storagePoolLookupByVolume: ({ vol }, session) => ({ pool: namedRef(session.hypervisor.pools.require(vol.pool)) }),
  storagePoolCreateXml: ({ xml, flags }, session) => {
    onlyFlags(flags, VALIDATE_CREATE, "testStoragePoolCreateXML");
    const pool = session.hypervisor.pools.create(parsePool(xml));
    tell(session, pool, Event.STARTED);
    return { pool: namedRef(pool) };
  },
  storagePoolDefineXml: ({ xml, flags }, session) => {
    onlyFlags(flags, VALIDATE, "testStoragePoolDefineXML");
    const pool = session.hypervisor.pools.define(parsePool(xml));
    tell(session, pool, Event.DEFINED);
    return { pool: namedRef(pool) };
  },
  storagePoolBuild: ({ pool: { name }, flags }, session) => {
    onlyFlags(flags, 0, "testStoragePoolBuild");
    tell(session, session.hypervisor.pools.requireInactive(name), Event.CREATED);
  },
  storagePoolCreate: ({ pool: { name }, flags }, session) => {
    onlyFlags(flags, 0, "testStoragePoolCreate");
    const pool = session.hypervisor.pools.requireInactive(name);
    pool.active = true;
    tell(session, pool, Event.STARTED);
  },
  storagePoolDestroy: ({ pool: { name } }, session) => {
    const pool = session.hypervisor.pools.requireActive(name);
    pool.active = false;
    tell(session, pool, Event.STOPPED);
    if (!pool.persistent) session.hypervisor.pools.forget(pool);
  },
  storagePoolDelete: ({ pool: { name }, flags }, session) => {
    onlyFlags(flags, 0, "testStoragePoolDelete");
    tell(session, session.hypervisor.pools.requireInactive(name), Event.DELETED);
  },
  storagePoolUndefine: ({ pool: { name } }, session) => {
    const pool = session.hypervisor.pools.requireInactive(name);
    session.hypervisor.pools.forget(pool);
    tell(session, pool, Event.UNDEFINED);
  },
  storagePoolRefresh: ({ pool: { name }, flags }, session) => {
    onlyFlags(flags, 0, "testStoragePoolRefresh");
    const { uuid } = session.hypervisor.pools.requireActive(name);
    session.hypervisor.events.poolRefresh(name, uuid);
  },
  storagePoolGetInfo: ({ pool }, session) => {
    const { active, capacity, allocation, available } = poolOf(session, pool);
    return { state: active ? PoolState.RUNNING : PoolState.INACTIVE, capacity, allocation, available };
  },
  storagePoolGetXmlDesc: ({ pool, flags }, session) => {
    onlyFlags(flags, XML_INACTIVE, "testStoragePoolGetXMLDesc");
    return { xml: formatPool(poolOf(session, pool)) };
  },
  storagePoolGetAutostart: ({ pool }, session) => ({ autostart: bit(poolOf(session, pool).autostart) }),
  storagePoolSetAutostart: ({ pool, autostart }, session) => {
    const found = poolOf(session, pool);
    if (!found.persistent) throw invalidArgument("pool has no config file");
    found.autostart = autostart !== 0;
  },
  storagePoolIsActive: ({ pool }, session) => ({ active: bit(poolOf(session, pool).active) }),
  storagePoolIsPersistent: ({ pool }, session) => ({ persistent: bit(poolOf(session, pool).persistent) }),
  storagePoolNumOfVolumes: ({ pool }, session) => ({ num: activePool(session, pool.name).volumes().length }),
  storagePoolListVolumes: ({ pool, maxnames }, session) => {
    return { names: upTo(names(activePool(session, pool.name).volumes()), maxnames, VOLUMES) };
  },
  storagePoolListAllVolumes: ({ pool, needResults, flags }, session) => {
    onlyFlags(flags, 0, "testStoragePoolListAllVolumes");
    const found = activePool(session, pool.name);
    const { results, ret } = listed(
      found.volumes().map((volume) => volumeRef(found, volume)),
      needResults,
    );
    return { vols: results, ret };
  },
  storageVolLookupByName: ({ pool, name }, session) => {
    const found = activePool(session, pool.name);
    return { vol: volumeRef(found, found.requireVolume(name)) };
  },
  storageVolLookupByKey: ({ key }, session) => ({ vol: anyVolume(session, "key", key) }),
  storageVolLookupByPath: ({ path }, session) => ({ vol: anyVolume(session, "path", path) }),
  storageVolCreateXml: ({ pool, xml, flags }, session) => {
    onlyFlags(flags, 0, "testStorageVolCreateXML");
    const found = activePool(session, pool.name);
    return { vol: addVolume(found, parseVolume(xml, found)) };
  },
  storageVolCreateXmlFrom: ({ pool, xml, clonevol, flags }, session) => {
    onlyFlags(flags, 0, "testStorageVolCreateXMLFrom");
    const found = activePool(session, pool.name);
    const source = activePool(session, clonevol.pool).requireVolume(clonevol.name);
    const volume = parseVolume(xml, found);
    // A copy is never smaller than what it copies.
    const capacity = volume.capacity < source.capacity ? source.capacity : volume.capacity;
    return { vol: addVolume(found, { ...volume, capacity, allocation: capacity }) };
  },
  storageVolDelete: ({ vol, flags }, session) => {
    onlyFlags(flags, 0, "testStorageVolDelete");
    const { pool, volume } = volumeOf(session, vol);
    pool.remove(volume);
    return session.files.remove(volume);
  },
  storageVolGetInfo: ({ vol }, session) => volumeInfo(volumeOf(session, vol).volume),
  storageVolGetXmlDesc: ({ vol, flags }, session) => {
    onlyFlags(flags, 0, "testStorageVolGetXMLDesc");
    return { xml: formatVolume(volumeOf(session, vol).volume) };
  },
  storageVolGetPath: ({ vol }, session) => ({ name: volumeOf(session, vol).volume.path }),
};

const VALIDATE_CREATE = 8;

function pools({ hypervisor }: Session, active: boolean): Pool[] {
  return hypervisor.pools.all().filter((pool) => pool.active === active);
}

function names(found: readonly { readonly name: string }[]): string[] {
  return found.map(({ name }) => name);
}

function poolOf({ hypervisor }: Session, { name }: RemoteNonnullStoragePool): Pool {
  return hypervisor.pools.require(name);
}

function activePool({ hypervisor }: Session, name: string): Pool {
  const pool = hypervisor.pools.require(name);
  if (!pool.active) throw failure(Code.OPERATION_INVALID, From.TEST, "storage pool is not active");
  return pool;
}

function volumeOf(session: Session, { pool, name }: RemoteNonnullStorageVol): { pool: Pool; volume: Volume } {
  const found = activePool(session, pool);
  return { pool: found, volume: found.requireVolume(name) };
}

function anyVolume({ hypervisor }: Session, by: "key" | "path", text: string): RemoteNonnullStorageVol {
  const found = hypervisor.pools.findVolume((volume) => volume[by] === text);
  if (found !== null) return volumeRef(found.pool, found.volume);
  throw failure(Code.NO_STORAGE_VOL, From.TEST, `no storage vol with matching ${by} '${text}'`);
}

function addVolume(pool: Pool, volume: Volume): RemoteNonnullStorageVol {
  pool.add(volume);
  return volumeRef(pool, volume);
}

function volumeInfo({ capacity, allocation }: Volume): { type: number; capacity: bigint; allocation: bigint } {
  return { type: 0, capacity, allocation };
}

function tell({ hypervisor }: Session, { name, uuid }: Pool, event: number): void {
  hypervisor.events.poolLifecycle(name, uuid, event);
}

/** Pools that the host could offer: two volume groups, and one directory of whatever server is asked. */
function poolSources(type: string, spec: string | null): string {
  if (type === "logical") return LOGICAL_SOURCES;
  if (type === "netfs") return netfsSources(spec);
  throw failure(Code.NO_SUPPORT, From.TEST, `pool type '${type}' does not support source discovery`);
}

const LOGICAL_SOURCES = `<sources>
  <source>
    <device path='/dev/sda20'/>
    <name>testvg1</name>
    <format type='lvm2'/>
  </source>
  <source>
    <device path='/dev/sda21'/>
    <name>testvg2</name>
    <format type='lvm2'/>
  </source>
</sources>
`;

function netfsSources(spec: string | null): string {
  if (spec === null) throw invalidArgument("hostname must be specified for netfs sources");
  const source = parseXml(spec, "source", { document: "storage_source_definition", domain: From.STORAGE });
  const name = attributeOf(source, "name", "host");
  if (name === null) throw xmlError("missing storage pool source host name", From.STORAGE);
  return formatXml(
    element(
      "sources",
      {},
      element(
        "source",
        {},
        element("host", { name }),
        element("dir", { path: "/testshare" }),
        element("format", { type: "nfs" }),
      ),
    ),
  );
}
