import { render, screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { describe, expect, it, vi } from "vitest";
import { Failure } from "../../src/host/failure";
import { Controller } from "../../src/model/controller";
import { texts } from "../../src/texts";
import { CredentialForm } from "../../src/ui/CredentialForm";
import { ControllerProvider } from "../../src/ui/context";
import { FakeHost, input, state } from "./builders";

const inputs = [
  input({ id: "site", title: "Site" }),
  input({ id: "key", title: "Key", type: "PASSWORD", subtitle: "From the settings." }),
  input({ id: "mail", title: "Mail", type: "EMAIL", required: false }),
  input({ id: "secretDefault", hidden: true, defaultValue: "d" }),
];

function show(failure?: Failure) {
  const onSubmit = vi.fn();
  const { portal } = state();
  if (!portal) throw new Error("no portal");
  render(
    <ControllerProvider value={new Controller(new FakeHost())}>
      <CredentialForm
        formId="form"
        inputs={inputs}
        portal={portal}
        failure={failure}
        onSubmit={onSubmit}
      />
      <button type="submit" form="form">
        Go
      </button>
    </ControllerProvider>,
  );
  return { onSubmit, user: userEvent.setup() };
}

describe("CredentialForm", () => {
  it("sends nothing while something is missing, and goes there", async () => {
    const { onSubmit, user } = show();
    await user.type(screen.getByLabelText("Site"), "acme");
    await user.click(screen.getByText("Go"));
    expect(onSubmit).not.toHaveBeenCalled();
    const key = screen.getByLabelText("Key");
    expect(key).toHaveFocus();
    expect(key).toBeInvalid();
    expect(key).toHaveAccessibleDescription(`From the settings. ${texts.invalid.required}`);
    expect(screen.getByLabelText("Site")).not.toBeInvalid();
  });

  it("says what is wrong when a field is left, and no longer when it is right", async () => {
    const { user } = show();
    const mail = screen.getByLabelText(/Mail/);
    await user.type(mail, "me");
    expect(screen.queryByText(texts.invalid.email)).toBeNull();
    await user.tab();
    expect(screen.getByText(texts.invalid.email)).toBeInTheDocument();
    await user.type(mail, "@host.example");
    expect(screen.queryByText(texts.invalid.email)).toBeNull();
  });

  it("sends what was filled in, with hidden defaults and without what was left empty", async () => {
    const { onSubmit, user } = show();
    await user.type(screen.getByLabelText("Site"), "acme");
    await user.type(screen.getByLabelText("Key"), "k");
    await user.click(screen.getByText("Go"));
    expect(onSubmit).toHaveBeenCalledWith({ site: "acme", key: "k", secretDefault: "d" });
  });

  it("hides a secret until it is asked to show it", async () => {
    const { user } = show();
    const key = screen.getByLabelText("Key");
    expect(key).toHaveAttribute("type", "password");
    await user.click(screen.getByRole("button", { name: "Show: Key" }));
    expect(key).toHaveAttribute("type", "text");
  });

  it("shows why the server refused", () => {
    show(new Failure("refused", "Bad key"));
    expect(screen.getByRole("alert")).toHaveTextContent("Bad key");
  });
});
