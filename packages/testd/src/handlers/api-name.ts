import { From } from "../failure.ts";

/** Words of procedure names that the public API spells in its own way. */
const SPELLING: Readonly<Record<string, string>> = {
  XML: "XML",
  URI: "URI",
  UUID: "UUID",
  ID: "ID",
  MAC: "MAC",
  CPU: "CPU",
  OS: "OS",
  NMI: "NMI",
  PM: "PM",
  FSTRIM: "FSTrim",
  FSFREEZE: "FSFreeze",
  FSTHAW: "FSThaw",
  FSINFO: "FSInfo",
  IOTHREAD: "IOThread",
  SCSI: "SCSI",
  WWN: "WWN",
  DHCP: "DHCP",
  NWFILTER: "NWFilter",
  NWFILTERS: "NWFilters",
  FD: "FD",
  SEV: "SEV",
};

/** `REMOTE_PROC_DOMAIN_CREATE_XML` → `virDomainCreateXML`, the name that errors tell users. */
export function apiName(procedure: string): string {
  const words = procedure.replace(/^REMOTE_PROC_/, "").split("_");
  return `vir${words.map((word) => SPELLING[word] ?? capitalized(word)).join("")}`;
}

/** The part of libvirt (virErrorDomain) that an API belongs to. */
export function apiDomain(api: string): number {
  const found = DOMAINS.find(([pattern]) => pattern.test(api));
  return found?.[1] ?? From.DOMAIN;
}

const DOMAINS: readonly (readonly [RegExp, number])[] = [
  [/^virDomain(Snapshot|RevertTo|HasCurrentSnapshot|ListAllSnapshots)/, From.DOMAIN_SNAPSHOT],
  [/^virDomain(Checkpoint|ListAllCheckpoints)/, From.DOMAIN_CHECKPOINT],
  [/^virDomain/, From.DOMAIN],
  [/Secret/, From.SECRET],
  [/NWFilter/, From.NWFILTER],
  [/Network/, From.NETWORK],
  [/Storage/, From.STORAGE],
  [/Interface/, From.INTERFACE],
  [/NodeDevice|^virNode(NumOf|List)Devices/, From.NODEDEV],
];

function capitalized(word: string): string {
  return word.charAt(0) + word.slice(1).toLowerCase();
}
