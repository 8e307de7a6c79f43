import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { GENERATED, generate } from "../../scripts/generate.mjs";

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), "utf8");

test("generating the types of the API again changes nothing", async () => {
  const expected = await generate();
  expect(readFileSync(GENERATED, "utf8") === expected, "run `npm run generate`").toBe(true);
});

test("the package needs no other package to run", () => {
  const manifest = JSON.parse(read("package.json"));
  for (const kind of ["dependencies", "peerDependencies", "optionalDependencies"]) {
    expect(manifest[kind], kind).toBeUndefined();
  }
});

test("the browser's part knows nothing of the server's", () => {
  for (const file of ["browser/client.ts", "browser/portal.ts", "browser/session.ts", "index.ts"]) {
    expect(read(`src/${file}`), file).not.toMatch(/from "[./]*server|from "node:/);
  }
});
