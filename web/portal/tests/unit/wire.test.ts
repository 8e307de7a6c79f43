import { describe, expect, it } from "vitest";
import { joinSections, readActionPage } from "../../src/model/options";
import { readInputs, readOptions } from "../../src/wire/input";
import { readUpdate } from "../../src/wire/update";
import { message, state } from "./builders";

describe("reading an update", () => {
  it("shows deployed workflows that the user may see, in order", () => {
    const meta = (id: string, order?: number, more = {}) => ({
      [id]: { id, order, inputs: [], ...more },
    });
    const found = state({
      integration: {
        workflows: ["late", "early", "hidden", "forbidden"].map((id) => ({ id, description: id })),
        noPermissionWorkflows: ["forbidden"],
      },
      values: {
        workflowMeta: {
          ...meta("late"),
          ...meta("early", 1),
          ...meta("hidden", 2, { hidden: true }),
          ...meta("forbidden", 3),
          ...meta("undeployed", 4),
        },
      },
    });
    expect(found.portal?.config.workflows.map(({ id }) => id)).toEqual(["early", "late"]);
  });

  it("survives anything that is not as it should be", () => {
    const { context } = message();
    for (const modal of [
      {},
      { integration: [] },
      { integration: { id: 1 } },
      { integration: "x" },
    ]) {
      expect(readUpdate(context, modal)?.portal).toBeUndefined();
    }
    expect(readUpdate(null, {})).toBeUndefined();
    expect(readUpdate({}, "x")).toBeUndefined();
    const odd = { integration: { id: "i", type: "t", configs: "no", workflows: 3 }, config: 7 };
    expect(readUpdate({ user: 1 }, odd)?.portal?.credentials).toEqual([]);
  });

  it("drops inputs of unknown types and keeps the others", () => {
    const inputs = readInputs([{ id: "a", type: "CODE" }, { id: "b", type: "NUMBER" }, null, 3]);
    expect(inputs.map(({ id, required }) => [id, required])).toEqual([["b", true]]);
  });
});

describe("options", () => {
  it("are read flat, in sections and mixed", () => {
    expect(
      readOptions(["a", { value: 2, label: "Two" }, { title: "T", items: [{ value: "c" }] }]),
    ).toEqual([
      {
        title: "",
        items: [
          { value: "a", label: "a" },
          { value: "2", label: "Two" },
        ],
      },
      { title: "T", items: [{ value: "c", label: "c" }] },
    ]);
  });

  it("come in pages, or are definitions of fields", () => {
    const page = readActionPage({ output: { records: [{ value: "a" }], nextPageCursor: 5 } });
    expect(page).toMatchObject({ nextCursor: "5", fields: [] });
    const fields = readActionPage({ output: [{ id: "f", title: "F", type: "multi", items: [] }] });
    expect(fields).toMatchObject({ sections: [], fields: [{ id: "f", kind: "many" }] });
    expect(readActionPage(undefined)).toMatchObject({ sections: [], fields: [] });
  });

  it("of a section that goes on over two pages stay together", () => {
    const a = [{ title: "T", items: [{ value: "1", label: "1" }] }];
    const b = [{ title: "T", items: [{ value: "2", label: "2" }] }];
    expect(joinSections(a, b)).toHaveLength(1);
    expect(a[0]?.items).toHaveLength(1);
  });
});
