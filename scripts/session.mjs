// What a visitor does with a hypervisor: look around, and take one domain through its life.

/** Host, version and the list of domains. Changes nothing. */
export async function look(hypervisor) {
  const [hostname, driver, version, host] = await Promise.all([
    hypervisor.hostname(),
    hypervisor.driver(),
    hypervisor.libvirtVersion(),
    hypervisor.hostInfo(),
  ]);
  const memory = Number(host.memory) / 1_048_576;
  console.log(
    `${driver} on ${hostname}, libvirt ${version}: ${host.cpus} CPUs (${host.model}), ${memory} GiB of memory\n`,
  );
  await listDomains(hypervisor);
}

/** Defines, starts, suspends, resumes and destroys a domain, and shows each event as it comes. */
export async function changeDomain(hypervisor) {
  const events = hypervisor.events({ kinds: ["domain-lifecycle"], signal: AbortSignal.timeout(30_000) });
  await events.ready;
  const domain = await hypervisor.defineDomain(definition);
  await step("define", events, "defined", () => undefined);
  await step("start", events, "started", () => domain.create());
  await step("suspend", events, "suspended", () => domain.suspend());
  await step("resume", events, "resumed", () => domain.resume());
  console.log();
  await listDomains(hypervisor);
  await step("destroy", events, "stopped", () => domain.destroy());
  await step("undefine", events, "undefined", () => domain.undefine());
  await events.return();
}

async function listDomains(hypervisor) {
  const domains = await hypervisor.domains();
  const rows = await Promise.all(
    domains.map(async (domain) => [domain.id ?? "-", domain.name, (await domain.state()).state, domain.uuid]),
  );
  console.log(`${table(["Id", "Name", "State", "UUID"], rows)}\n`);
}

/** Does `action` and waits until the server tells of it. */
async function step(verb, events, expected, action) {
  await action();
  for (;;) {
    const { value } = await events.next();
    if (value === undefined) throw new Error(`the events ended before ${expected} came`);
    console.log(`${verb.padEnd(8)} → event: ${value.domain.name} ${value.event} (${value.detail})`);
    if (value.event === expected) return;
  }
}

function table(heads, rows) {
  const cells = [heads, ...rows.map((row) => row.map(String))];
  const widths = heads.map((_, column) => Math.max(...cells.map((row) => row[column].length)));
  const lines = cells.map((row) => ` ${row.map((cell, column) => cell.padEnd(widths[column])).join("   ")}`.trimEnd());
  const rule = "-".repeat(widths.reduce((sum, width) => sum + width + 3, 0));
  return [lines[0], rule, ...lines.slice(1)].join("\n");
}

const definition = `<domain type='test'>
  <name>demo</name>
  <memory unit='MiB'>256</memory>
  <vcpu>2</vcpu>
  <os><type arch='i686'>hvm</type></os>
</domain>`;
