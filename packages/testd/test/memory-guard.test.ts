import { expect, it } from "vitest";
import { SavedImages } from "../src/domain/saved-images.ts";
import { emptyHypervisor } from "../src/hypervisor.ts";
import { MemoryGuard } from "../src/memory-guard.ts";
import { element } from "../src/xml/element.ts";

it("refuses more when descriptions weigh too much, until some are gone", () => {
  const hypervisor = emptyHypervisor();
  const images = new SavedImages();
  const guard = new MemoryGuard();
  guard.admit(hypervisor, images);
  const heavy = "x".repeat(1_048_576);
  for (let i = 0; i < 256; i++) images.save(`/${i}`, element("domain", {}, element("title", {}, heavy)));
  const ask = (): void => {
    for (let i = 0; i < 64; i++) guard.admit(hypervisor, images);
  };
  expect(ask).toThrow("operation failed: all descriptions together exceed 256 MiB");
  expect(() => guard.admit(hypervisor, new SavedImages())).not.toThrow();
});
