// Not run: what a builder's server writes. Compiled without the library of browsers, as servers are.

import { importKey, type SigningKey, signUserToken, Tenon } from "../../src/server.js";

const tenon = new Tenon({ url: "https://t.example", projectId: "p", apiKey: "k" });

export async function example(): Promise<void> {
  for await (const run of tenon.runs.list({ status: "failed" })) console.log(run.id);
  // @ts-expect-error there is no such status
  tenon.runs.list({ status: "done" });
  const answer = await tenon.proxy.fetch("u", "slack", "chat.postMessage", {
    method: "POST",
    headers: { "X-Own": "x" },
    body: { channel: "c" },
  });
  console.log(answer.status, await answer.json());
  const privateKey: SigningKey = await importKey("");
  await signUserToken({ privateKey, userId: "u", permissions: { "integration:*": ["event"] } });
  // @ts-expect-error there is no such scope
  await signUserToken({ privateKey, userId: "u", permissions: { everything: true } });
}
