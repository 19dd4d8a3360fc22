import { expect, it } from "vitest";
import { formatPool } from "../../src/storage/pool.ts";
import { parsePool } from "../../src/storage/pool-definition.ts";
import { PoolList } from "../../src/storage/pool-list.ts";
import { formatVolume, parseVolume } from "../../src/storage/volume.ts";

const DIR =
  "<pool type='dir'><name>p</name><uuid>53111111-2222-4333-8444-555555555555</uuid><target><path>/p//</path></target></pool>";

it("writes a pool with its sizes", () => {
  const pool = new PoolList().define(parsePool(DIR));
  expect(formatPool(pool)).toBe(`<pool type='dir'>
  <name>p</name>
  <uuid>53111111-2222-4333-8444-555555555555</uuid>
  <capacity unit='bytes'>107374182400</capacity>
  <allocation unit='bytes'>0</allocation>
  <available unit='bytes'>107374182400</available>
  <source>
  </source>
  <target>
    <path>/p</path>
  </target>
</pool>
`);
});

it("counts what volumes take", () => {
  const pool = new PoolList().define(parsePool(DIR));
  const volume = parseVolume(
    "<volume><name>v</name><capacity unit='GiB'>2</capacity><allocation unit='M'>1</allocation></volume>",
    pool,
  );
  pool.add(volume);
  expect(pool.allocation).toBe(1_048_576n);
  expect(() => pool.add(volume)).toThrow("operation failed: storage vol already exists");
  expect(() => pool.add({ ...volume, name: "w", allocation: pool.capacity })).toThrow(
    "Not enough free space in pool for volume 'w'",
  );
  expect(formatVolume(volume)).toContain("<path>/p/v</path>\n    <format type='raw'/>");
});

it("keeps pools from sharing a place", () => {
  const pools = new PoolList();
  pools.define(parsePool(DIR));
  expect(() =>
    pools.define(parsePool("<pool type='dir'><name>q</name><target><path>/p</path></target></pool>")),
  ).toThrow("operation failed: Storage source conflict with pool: 'p'");
});

it.each([
  ["<pool><name>q</name></pool>", "XML error: Missing required attribute 'type' in element 'pool'"],
  ["<pool type='dir'><name>q</name></pool>", "XML error: missing storage pool target path"],
  ["<pool type='dir'><target><path>/x</path></target></pool>", "XML error: missing pool source name element"],
])("refuses %s", (xml, message) => {
  expect(() => parsePool(xml)).toThrow(message);
});
