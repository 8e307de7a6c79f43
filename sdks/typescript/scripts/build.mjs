// Builds dist/: one bundle an entry, and the declarations of types. There is nothing to bundle from
// elsewhere: the package has no dependencies.

import { execFileSync } from "node:child_process";
import { rmSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const at = (...path) => join(root, ...path);
const shared = { bundle: true, format: "esm", sourcemap: true, logLevel: "warning" };

rmSync(at("dist"), { recursive: true, force: true });
await build({
  ...shared,
  entryPoints: [at("src", "index.ts")],
  outfile: at("dist", "index.js"),
  platform: "browser",
  target: "es2022",
  minify: true,
});
await build({
  ...shared,
  entryPoints: [at("src", "server.ts")],
  outfile: at("dist", "server.js"),
  platform: "node",
  target: "node20",
});
const tsc = createRequire(import.meta.url).resolve("typescript/bin/tsc");
execFileSync(process.execPath, [tsc, "-p", at("tsconfig.build.json")], { stdio: "inherit" });
