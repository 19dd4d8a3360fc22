import { defineConfig } from "vitest/config";

/*
 * The "source" condition of our packages' exports leads to their TypeScript, so tests need no build. Vitest asks twice:
 * for what it bundles, and for what it runs in Node.
 */
const source = {
  resolve: { conditions: ["source"] },
  ssr: { resolve: { conditions: ["source", "node", "import", "module", "default"] } },
};

const common = { environment: "node", testTimeout: 10_000, hookTimeout: 20_000, teardownTimeout: 10_000 } as const;

export default defineConfig({
  test: {
    projects: [
      {
        ...source,
        test: { ...common, name: "unit", include: ["packages/*/test/**/*.test.ts", "scripts/*.test.mjs"] },
      },
      // An example runs as its reader would run it: slower than a unit.
      {
        ...source,
        test: { ...common, name: "examples", include: ["examples/**/*.test.ts"], testTimeout: 30_000 },
      },
    ],
    coverage: {
      provider: "v8",
      include: ["packages/*/src/**/*.ts"],
      exclude: ["**/gen/**", "**/index.ts"],
      reportsDirectory: "coverage",
    },
  },
});
