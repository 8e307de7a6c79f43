import { describe, expect, it } from "vitest";
import { failureOf } from "../../src/host/failure";

describe("failureOf", () => {
  it.each([
    ["Failed to fetch", "network", ""],
    ['{"message":"No","code":"1","meta":{}}', "refused", "No"],
    [
      '{"message":"x","meta":{"isIntegrationError":true,"message":"Key refused"}}',
      "refused",
      "Key refused",
    ],
    ['{"message":[{"constraints":{"a":"too long"},"children":[]}]}', "refused", "too long"],
    ["{}", "refused", ""],
    ["<html><body>Bad gateway</body></html>", "refused", ""],
    ["The OAuth pop-up was blocked by the browser", "popup_blocked", ""],
  ])("reads %j", (text, kind, message) => {
    expect(failureOf(text)).toMatchObject({ kind, message });
  });

  it("bounds what the server says", () => {
    expect(failureOf("x".repeat(5_000)).message.length).toBeLessThan(400);
  });
});
