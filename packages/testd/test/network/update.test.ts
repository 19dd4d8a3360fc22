import { expect, it } from "vitest";
import { parseNetwork } from "../../src/network/definition.ts";
import { Network } from "../../src/network/network.ts";
import { updateNetwork } from "../../src/network/update.ts";
import { formatXml } from "../../src/xml/format.ts";

const HOST = 4;
const MODIFY = 1;
const DELETE = 2;
const ADD = 3;

function network(): Network {
  return new Network(
    parseNetwork(
      "<network><name>n</name><ip address='10.0.0.1' netmask='255.0.0.0'><dhcp><range start='10.0.0.2' end='10.0.0.9'/></dhcp></ip></network>",
    ),
  );
}

function change(to: Network, command: number, xml: string, section = HOST): void {
  updateNetwork(to, { command, section, parentIndex: -1, xml, flags: 0 });
}

it("adds, changes and removes an entry", () => {
  const changed = network();
  change(changed, ADD, "<host mac='52:54:00:00:00:02' name='b' ip='10.0.0.3'/>");
  expect(formatXml(changed.config)).toContain("<host mac='52:54:00:00:00:02' name='b' ip='10.0.0.3'/>");
  change(changed, MODIFY, "<host mac='52:54:00:00:00:02' name='c' ip='10.0.0.4'/>");
  expect(formatXml(changed.config)).toContain("name='c' ip='10.0.0.4'");
  change(changed, DELETE, "<host mac='52:54:00:00:00:02'/>");
  expect(formatXml(changed.config)).not.toContain("<host");
});

it("leaves everything as it was when the change makes no sense", () => {
  const changed = network();
  const before = formatXml(changed.config);
  expect(() => change(changed, DELETE, "<host mac='52:54:00:00:00:02'/>")).toThrow("Requested operation is not valid");
  expect(() => change(changed, ADD, "<range/>")).toThrow("invalid argument: unexpected element <range>");
  expect(() => change(changed, ADD, "<host/>", 77)).toThrow("unsupported configuration");
  expect(formatXml(changed.config)).toBe(before);
});

it("changes what runs and what will run apart", () => {
  const changed = network();
  changed.start();
  change(changed, ADD, "<host ip='10.0.0.3' name='b'/>");
  expect(formatXml(changed.current)).toContain("10.0.0.3");
  expect(formatXml(changed.config)).not.toContain("10.0.0.3");
});
