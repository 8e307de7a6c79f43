// Writes src/generated/api.ts from the management API's OpenAPI document.
// A test fails when the file is not what this would write.

import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import openapi, { astToString } from "openapi-typescript";

const DOCUMENT = new URL("../../../docs/reference/openapi.json", import.meta.url);
export const GENERATED = fileURLToPath(new URL("../src/generated/api.ts", import.meta.url));

/** The text of the generated file. */
export async function generate() {
  const heading =
    "// Made by `npm run generate` from docs/reference/openapi.json. Do not edit.\n\n";
  return heading + astToString(await openapi(DOCUMENT, { emptyObjectsUnknown: true }));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  writeFileSync(GENERATED, await generate());
  console.log(`wrote ${GENERATED}`);
}
