import { expect, it } from "vitest";
import type { AnyProcedure } from "../../src/program/program.ts";
import { readsOnly } from "../../src/program/reads-only.ts";
import { Echo } from "../helpers/echo.ts";

const procedure = (change: Partial<AnyProcedure>): AnyProcedure => ({ ...Echo.procedures.say, ...change });

it.each([
  ["nothing is said of it", {}, false],
  ["it wants no permission, which says nothing", { acl: ["none"] }, false],
  ["attributes", { acl: ["connect:getattr"] }, true],
  ["a search", { acl: ["connect:search_domains"] }, true],
  ["secrets, when a flag asks for them", { acl: ["domain:read", "domain:read_secure:VIR_DOMAIN_XML_SECURE"] }, true],
  ["an agent in the guest, when a flag asks for it", { acl: ["domain:read", "domain:write::source:AGENT"] }, false],
  ["a change", { acl: ["domain:write"] }, false],
  ["a stream", { acl: ["domain:read"], stream: "read" as const }, false],
])("a procedure that wants %s", (_, change, expected) => {
  expect(readsOnly(procedure(change))).toBe(expected);
});
