// Not run: what a builder's page writes, and what the compiler must refuse there.

import { type Account, connect, TenonError } from "../../src/index.js";

const client = connect({ url: "https://t.example", projectId: "p", token: async () => "t" });

const stop = client.subscribe("connected", ({ account }) => console.log(account.id));
// @ts-expect-error there is no such event
client.subscribe("nothing", () => undefined);
stop();

const connected: Promise<Account> = client.connectAccount("slack", { allowMultiple: true });
connected.catch((error: unknown) => error instanceof TenonError && error.code === "popup_blocked");
client.connectAccount("stripe", { by: "fields", fields: { api_key: "k" } });
// @ts-expect-error a form without fields
client.connectAccount("stripe", { by: "fields" });
// @ts-expect-error a code without the redirect URL that it was made for
client.connectAccount("slack", { by: "code", code: "c" });

const teams = [{ label: "One", value: "1" }];
client.openPortal("slack", { dropdowns: { teams }, mapFields: { Task: { fields: teams } } });
// @ts-expect-error options have labels
client.openPortal("slack", { dropdowns: { teams: [{ value: "1" }] } });
