import type { Comparison } from "./crowds.ts";
import type { LibvirtPeers } from "./libvirt-peers.ts";
import type { Measurement } from "./measurement.ts";
import type { Result } from "./rounds.ts";
import type { Verdict } from "./targets.ts";
import type { Throughput } from "./throughput.ts";

/** The whole run, for people: ratios first, as they alone outlive the machine. */
export function report({ throughput, libvirt, crowds, coldStart }: Measurement, verdicts: readonly Verdict[]): string {
  return [
    ...throughput.map(throughputTable),
    ...libvirtTables(libvirt),
    comparisonTable([...crowds, coldStart]),
    verdictTable(verdicts),
  ].join("\n\n");
}

function throughputTable({ carrier, outstanding, bytes, results }: Throughput): string {
  return table(
    [`${carrier}, ${size(bytes)}, ${outstanding} outstanding`, ...resultHeads],
    results.map((result) => [result.name, ...resultCells(result)]),
  );
}

const resultHeads = [
  "ratio",
  "calls/s",
  "p50 us",
  "p99 us",
  "CPU us/call, client",
  "server",
  "bytes/call, client",
  "server",
];

function resultCells(result: Result): string[] {
  return [
    number(result.ratio, 3),
    number(result.callsPerSecond, 0),
    number(result.p50, 0),
    number(result.p99, 0),
    number(result.clientCpu, 2),
    number(result.serverCpu, 2),
    number(result.clientBytes, 0),
    number(result.serverBytes, 0),
  ];
}

function libvirtTables({ servers, clients, absent }: LibvirtPeers): string[] {
  return [
    ...servers.map(({ outstanding, results, libvirtdCpu }) =>
      table(
        [`raw client, AUTH_LIST, ${outstanding} outstanding`, "ratio", "calls/s", "p50 us", "p99 us"],
        results.map(({ name, ratio, callsPerSecond, p50, p99 }) => [
          name === "libvirtd" ? `libvirtd (CPU ${number(libvirtdCpu, 0)} us/call)` : name,
          number(ratio, 1),
          number(callsPerSecond, 0),
          number(p50, 0),
          number(p99, 0),
        ]),
      ),
    ),
    table(
      ["client asking for the host's name", "CPU ratio", "CPU us/call", "calls/s"],
      clients.map(({ server, name, ratio, clientCpu, callsPerSecond }) => [
        `${name}, against ${server}`,
        number(ratio, 2),
        number(clientCpu, 2),
        number(callsPerSecond, 0),
      ]),
    ),
    ...absent.map((line) => `absent: ${line}`),
  ];
}

function comparisonTable(all: readonly Comparison[]): string {
  return table(
    ["server, process", "ratio", "virnet", "node", "unit"],
    all.map(({ what, ratio, virnet, bare, unit }) => [
      what,
      number(ratio, 2),
      number(virnet, 0),
      number(bare, 0),
      unit,
    ]),
  );
}

function verdictTable(all: readonly Verdict[]): string {
  return table(
    ["to reach", "wanted", "ratio", ""],
    all.map(({ what, wanted, ratio, verdict }) => [what, wanted, number(ratio, 3), verdict]),
  );
}

function number(value: number | undefined, digits: number): string {
  return value === undefined || Number.isNaN(value) ? "-" : value.toFixed(digits);
}

function size(bytes: number): string {
  return bytes < 1024 ? `${bytes} B` : `${bytes / 1024} KiB`;
}

/** Columns as wide as their widest cell; the first stands left, the others right. */
function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((cell, i) => Math.max(cell.length, ...rows.map((row) => row[i]?.length ?? 0)));
  const line = (cells: readonly string[]): string =>
    cells.map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))).join("  ");
  return [line(head), ...rows.map(line)].map((text) => `  ${text.trimEnd()}`).join("\n");
}
