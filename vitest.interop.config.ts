import { defineConfig } from "vitest/config";

/** Against the real peers of interop/testbed. Files run one after another: they share the peers and their state. */
export default defineConfig({
  resolve: { conditions: ["source"] },
  ssr: { resolve: { conditions: ["source", "node", "import", "module", "default"] } },
  test: {
    name: "interop",
    environment: "node",
    include: ["interop/**/*.test.ts"],
    exclude: ["**/node_modules/**", "interop/testbed/**"],
    globalSetup: ["interop/helpers/global-setup.ts"],
    fileParallelism: false,
    testTimeout: 30_000,
    hookTimeout: 90_000,
    teardownTimeout: 60_000,
  },
});
