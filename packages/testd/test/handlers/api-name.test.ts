import { expect, it } from "vitest";
import { apiDomain, apiName } from "../../src/handlers/api-name.ts";

it.each([
  ["REMOTE_PROC_DOMAIN_DESTROY", "virDomainDestroy", 20],
  ["REMOTE_PROC_DOMAIN_CREATE_XML", "virDomainCreateXML", 20],
  ["REMOTE_PROC_DOMAIN_GET_FSINFO", "virDomainGetFSInfo", 20],
  ["REMOTE_PROC_CONNECT_LIST_ALL_NWFILTERS", "virConnectListAllNWFilters", 33],
  ["REMOTE_PROC_STORAGE_VOL_DELETE", "virStorageVolDelete", 18],
  ["REMOTE_PROC_DOMAIN_SNAPSHOT_DELETE", "virDomainSnapshotDelete", 35],
  ["REMOTE_PROC_DOMAIN_INTERFACE_STATS", "virDomainInterfaceStats", 20],
  ["REMOTE_PROC_INTERFACE_CREATE", "virInterfaceCreate", 26],
  ["REMOTE_PROC_NODE_DEVICE_DESTROY", "virNodeDeviceDestroy", 22],
])("%s", (procedure, api, domain) => {
  expect(apiName(procedure)).toBe(api);
  expect(apiDomain(api)).toBe(domain);
});
