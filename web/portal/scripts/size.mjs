// Fails when what a browser must load for one page is larger than the budget, gzipped.
import { readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

const BUDGET_BYTES = 150 * 1024;
const dist = join(dirname(fileURLToPath(import.meta.url)), "..", "dist");

/** The files a page names, and the chunks that these import at once. */
function filesOf(html) {
  const found = new Set();
  const visit = (file) => {
    if (found.has(file)) return;
    found.add(file);
    if (!file.endsWith(".js")) return;
    const code = readFileSync(file, "utf8");
    for (const match of code.matchAll(/(?:from|import)\s*["'](\.[^"']+)["']/g)) {
      visit(join(dirname(file), match[1]));
    }
  };
  const text = readFileSync(html, "utf8");
  for (const match of text.matchAll(/(?:src|href)="(\.[^"]+)"/g)) {
    visit(join(dirname(html), match[1]));
  }
  return [...found];
}

let failed = false;
for (const page of ["ui.html", "ui/hosted.html"]) {
  let total = 0;
  for (const file of filesOf(join(dist, page))) {
    const bytes = gzipSync(readFileSync(file), { level: 9 }).length;
    total += bytes;
    console.log(`${String(bytes).padStart(8)}  ${relative(dist, file)}`);
  }
  const verdict = total > 0 && total <= BUDGET_BYTES ? "ok" : "TOO LARGE";
  failed ||= verdict !== "ok";
  console.log(`${String(total).padStart(8)}  ${page}: ${verdict} (budget ${BUDGET_BYTES})\n`);
}
process.exit(failed ? 1 : 0);
