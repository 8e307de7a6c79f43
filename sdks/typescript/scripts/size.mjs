// Fails when the browser entry is larger than its budget, gzipped.

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

const BUDGET_BYTES = 12 * 1024;
const file = fileURLToPath(new URL("../dist/index.js", import.meta.url));
const bytes = gzipSync(readFileSync(file), { level: 9 }).length;
const isSmall = bytes <= BUDGET_BYTES;
console.log(`${bytes} bytes of ${BUDGET_BYTES}: ${isSmall ? "ok" : "TOO LARGE"}`);
process.exit(isSmall ? 0 : 1);
