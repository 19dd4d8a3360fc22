import { Code, From, failure, operationFailed, unsupportedConfig, xmlError } from "../failure.ts";
import { element, elements, textElement, textOf, type XmlElement } from "../xml/element.ts";
import { formatXml } from "../xml/format.ts";
import { parseXml } from "../xml/parse.ts";
import { type CpuModel, x86Models } from "./cpu-models.ts";

/** What one CPU can do. */
interface Cpu {
  readonly vendor: string | null;
  readonly features: ReadonlySet<string>;
}

/** The best CPU that all of those described, one or more, can be, as a guest's `<cpu>`. */
export function baselineCpu(documents: readonly string[], expandFeatures: boolean): string {
  const models = x86Models();
  const cpus = documents.map((xml) => readCpu(xml, models));
  const vendor = commonVendor(cpus);
  const features = cpus.map((cpu) => cpu.features).reduce(intersection);
  const model = bestModel(models, features, vendor);
  const extra = [...features].filter((name) => expandFeatures || !model.features.has(name)).toSorted();
  return formatXml(
    element(
      "cpu",
      { mode: "custom", match: "exact" },
      element("model", { fallback: "allow" }, model.name),
      vendor === null ? null : textElement("vendor", vendor),
      ...extra.map((name) => element("feature", { policy: "require", name })),
    ),
  );
}

function readCpu(xml: string, models: readonly CpuModel[]): Cpu {
  const root = parseXml(xml, "cpu", { document: "CPU_definition", domain: From.CPU });
  const name = textOf(root, "model");
  if (name === null) throw xmlError("Missing CPU model name", From.CPU);
  const model = models.find((candidate) => candidate.name === name);
  if (model === undefined) throw failure(Code.INTERNAL_ERROR, From.CPU, `Unknown CPU model ${name}`);
  const features = new Set(model.features);
  for (const feature of elements(root, "feature")) applyFeature(features, feature, models);
  return { vendor: textOf(root, "vendor") ?? model.vendor, features };
}

function applyFeature(features: Set<string>, feature: XmlElement, models: readonly CpuModel[]): void {
  const name = feature.attributes.get("name");
  if (name === undefined) throw xmlError("Missing required attribute 'name' in element 'feature'", From.XML);
  if (!models.some((model) => model.features.has(name))) {
    throw failure(Code.INTERNAL_ERROR, From.CPU, `Unknown CPU feature ${name}`);
  }
  const policy = feature.attributes.get("policy") ?? "require";
  if (policy === "disable" || policy === "forbid") features.delete(name);
  else features.add(name);
}

function commonVendor(cpus: readonly Cpu[]): string | null {
  const vendors = new Set(cpus.flatMap(({ vendor }) => vendor ?? []));
  if (vendors.size > 1) throw operationFailed("CPU vendors do not match", From.CPU);
  const [vendor] = vendors;
  return vendor ?? null;
}

function intersection(one: ReadonlySet<string>, other: ReadonlySet<string>): ReadonlySet<string> {
  return new Set([...one].filter((name) => other.has(name)));
}

/** The model that leaves the fewest features to be listed. */
function bestModel(models: readonly CpuModel[], features: ReadonlySet<string>, vendor: string | null): CpuModel {
  const fitting = models.filter(
    (model) =>
      (model.vendor === null || vendor === null || model.vendor === vendor) &&
      [...model.features].every((name) => features.has(name)),
  );
  const best = fitting.reduce<CpuModel | null>((kept, model) => {
    return kept === null || model.features.size > kept.features.size ? model : kept;
  }, null);
  if (best === null) throw unsupportedConfig("CPUs are incompatible", From.CPU);
  return best;
}
