import { expect, test } from "vitest";
import { errorOf, failureOf, TenonError } from "../../src/errors.js";
import { json } from "./fake-server.js";

test("an error of the Connect API is read", async () => {
  const meta = { isIntegrationError: true, message: "Slack says no", errors: [] };
  const error = await errorOf(json({ message: "m", code: "7210", status: 403, meta }, 403));
  expect(error).toBeInstanceOf(TenonError);
  expect(error).toMatchObject({
    code: "7210",
    status: 403,
    message: "Slack says no",
    isIntegrationError: true,
    meta,
  });
});

test("a problem of the management API is read", async () => {
  const errors = [{ message: "unknown", pointer: "/name" }];
  const body = { status: 422, code: "invalid_field", title: "t", detail: "d", help: "h", errors };
  const error = await errorOf(json({ ...body, request_id: "r-1" }, 422));
  expect(error).toMatchObject({ code: "invalid_field", message: "d", requestId: "r-1" });
  expect(error.meta).toEqual({ errors, help: "h", detail: "d" });
  expect(error.isIntegrationError).toBe(false);
});

test("an answer of something else still has a code", async () => {
  const error = await errorOf(new Response("<h1>Bad gateway</h1>", { status: 502 }));
  expect(error).toMatchObject({ code: "http_502", status: 502, body: "<h1>Bad gateway</h1>" });
  expect(error.message).toBe("the server answered 502");
});

test("Retry-After is read in seconds and as a date", async () => {
  const after = async (value: string) =>
    (await errorOf(json({}, 503, { "retry-after": value }))).retryAfterMs;
  expect(await after("5")).toBe(5_000);
  const ms = await after(new Date(Date.now() + 10_000).toUTCString());
  expect(ms).toBeGreaterThan(8_000);
  expect(ms).toBeLessThanOrEqual(10_000);
  expect(await after("soon")).toBeUndefined();
});

test("an abort of the app stays what it is", () => {
  const reason = new Error("the user left");
  expect(failureOf(new TypeError("fetch failed"), AbortSignal.abort(reason))).toBe(reason);
  expect(failureOf(new TypeError("fetch failed"))).toMatchObject({ code: "network", status: 0 });
  const late = new DOMException("late", "TimeoutError");
  expect(failureOf(late)).toMatchObject({ code: "timeout" });
});
