import { VirConnectListAllSecretsFlags as F } from "@virnet/libvirt/enums";
import type { RemoteNonnullSecret } from "@virnet/libvirt/remote";
import { onlyFlags } from "../failure.ts";
import { oneOf } from "../filter.ts";
import { Secret } from "../secret/secret.ts";
import type { Session } from "../session.ts";
import { uuidFromBytes } from "../uuid.ts";
import { formatXml } from "../xml/format.ts";
import type { SessionHandlers } from "./session-handlers.ts";
import { listed, upTo } from "./wire.ts";

/** virSecretEventLifecycleType. */
const Event = { DEFINED: 0, UNDEFINED: 1 } as const;
const UUIDS = { argument: "maxuuids", name: "REMOTE_SECRET_LIST_MAX", most: 16_384 };
const VALIDATE = 1;
const FILTERS = F.EPHEMERAL | F.NO_EPHEMERAL | F.PRIVATE | F.NO_PRIVATE;

/** Secrets, which libvirt's own test driver lacks. */
export const secretHandlers: SessionHandlers = {
  connectNumOfSecrets: (_, { hypervisor }) => ({ num: hypervisor.secrets.all().length }),
  connectListSecrets: ({ maxuuids }, { hypervisor }) => ({
    uuids: upTo(
      hypervisor.secrets.all().map(({ uuid }) => uuid),
      maxuuids,
      UUIDS,
    ),
  }),
  connectListAllSecrets: ({ needResults, flags }, { hypervisor }) => {
    onlyFlags(flags, FILTERS, "testConnectListAllSecrets");
    const found = hypervisor.secrets.all().filter((secret) => matches(secret, flags));
    const { results, ret } = listed(
      found.map(({ reference }) => reference),
      needResults,
    );
    return { secrets: results, ret };
  },
  secretLookupByUuid: ({ uuid }, { hypervisor }) => ({
    secret: hypervisor.secrets.require(uuidFromBytes(uuid)).reference,
  }),
  secretLookupByUsage: ({ usageType, usageID }, { hypervisor }) => ({
    secret: hypervisor.secrets.requireUsage(usageType, usageID).reference,
  }),
  secretDefineXml: ({ xml, flags }, { hypervisor }) => {
    onlyFlags(flags, VALIDATE, "testSecretDefineXML");
    const secret = new Secret(xml);
    hypervisor.secrets.define(secret);
    hypervisor.events.secretLifecycle(secret.reference, Event.DEFINED);
    return { secret: secret.reference };
  },
  secretGetXmlDesc: ({ secret, flags }, session) => {
    onlyFlags(flags, 0, "testSecretGetXMLDesc");
    return { xml: formatXml(secretOf(session, secret).definition) };
  },
  secretSetValue: ({ secret, value, flags }, session) => {
    onlyFlags(flags, 0, "testSecretSetValue");
    const found = secretOf(session, secret);
    found.value = value.slice();
    session.hypervisor.events.secretValueChanged(found.reference);
  },
  secretGetValue: ({ secret, flags }, session) => {
    onlyFlags(flags, 0, "testSecretGetValue");
    return { value: secretOf(session, secret).reveal() };
  },
  secretUndefine: ({ secret }, session) => {
    const found = secretOf(session, secret);
    session.hypervisor.secrets.forget(found);
    session.hypervisor.events.secretLifecycle(found.reference, Event.UNDEFINED);
  },
};

function secretOf({ hypervisor }: Session, { uuid }: RemoteNonnullSecret): Secret {
  return hypervisor.secrets.require(uuidFromBytes(uuid));
}

function matches(secret: Secret, flags: number): boolean {
  return (
    oneOf(flags, [F.EPHEMERAL, secret.ephemeral], [F.NO_EPHEMERAL, !secret.ephemeral]) &&
    oneOf(flags, [F.PRIVATE, secret.private], [F.NO_PRIVATE, !secret.private])
  );
}
