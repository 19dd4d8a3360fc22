/** A domain's description with as little as possible, and what the test adds. */
export function domainXml(name: string, parts: { top?: string; devices?: string; uuid?: string } = {}): string {
  const uuid = parts.uuid === undefined ? "" : `<uuid>${parts.uuid}</uuid>`;
  return `<domain type='test'><name>${name}</name>${uuid}<memory>1000</memory>${parts.top ?? ""}
    <os><type>hvm</type></os><devices>${parts.devices ?? ""}</devices></domain>`;
}

export const DEMO_UUID = "51111111-2222-4333-8444-555555555555";
