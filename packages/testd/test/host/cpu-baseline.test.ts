import { expect, it } from "vitest";
import { baselineCpu } from "../../src/host/cpu-baseline.ts";

const cpu = (model: string, rest = ""): string => `<cpu><arch>x86_64</arch><model>${model}</model>${rest}</cpu>`;

it("finds the model that two CPUs share", () => {
  const text = baselineCpu([cpu("core2duo", "<feature name='lahf_lm'/>"), cpu("Nehalem")], false);
  expect(text).toContain("<model fallback='allow'>Conroe</model>");
  expect(text).toContain("<vendor>Intel</vendor>");
});

it("lists features that the model lacks", () => {
  expect(baselineCpu([cpu("Penryn", "<feature name='popcnt'/>")], false)).toContain("name='popcnt'");
});

it("refuses CPUs that have nothing in common", () => {
  expect(() => baselineCpu([cpu("Nehalem"), cpu("EPYC")], false)).toThrow("CPU vendors do not match");
  expect(() => baselineCpu([cpu("nosuch")], false)).toThrow("Unknown CPU model nosuch");
});
