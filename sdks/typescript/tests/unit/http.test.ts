import { expect, test } from "vitest";
import { bodyOf, headerOf, originOf, proxyTarget, queryOf } from "../../src/http.js";

const ROOT = "https://t.example/projects/p/sdk/proxy/slack/";

test("an address has no slash at its end and is of the web", () => {
  expect(originOf("https://t.example/")).toBe("https://t.example");
  expect(originOf("http://localhost:8080/tenon//")).toBe("http://localhost:8080/tenon");
  for (const url of ["", "t.example", "javascript:alert(1)", "ftp://t.example"]) {
    expect(() => originOf(url), url).toThrow(TypeError);
  }
});

test("queries leave out what is not there", () => {
  expect(queryOf({})).toBe("");
  expect(queryOf({ a: undefined, b: null })).toBe("");
  expect(queryOf({ a: "x y&", n: 0, no: false })).toBe("?a=x+y%26&n=0&no=false");
});

test("a header value is UTF-8", () => {
  const bytes = Uint8Array.from(headerOf("ext:tëam-✓"), (char) => char.charCodeAt(0));
  expect(new TextDecoder().decode(bytes)).toBe("ext:tëam-✓");
  expect(() => new Headers({ a: headerOf("✓") })).not.toThrow();
});

test("a path goes behind the provider's route with its query", () => {
  expect(proxyTarget(ROOT, "/chat.postMessage")).toEqual({
    url: `${ROOT}chat.postMessage`,
    headers: {},
  });
  expect(proxyTarget(ROOT, "a?x=1", { y: 2 }).url).toBe(`${ROOT}a?x=1&y=2`);
  expect(proxyTarget(ROOT, "a?q=what?", {}).url).toBe(`${ROOT}a?q=what?`);
});

test("a whole address travels in a header", () => {
  expect(proxyTarget(ROOT, "https://files.slack.com/f?a=1", { b: 2 })).toEqual({
    url: ROOT,
    headers: { "X-Tenon-Proxy-Url": "https://files.slack.com/f?a=1&b=2" },
  });
});

test("no path leads out of the provider's route", () => {
  for (const path of ["../hubspot/x", "a/../../../me", "..\\..\\me", "%2e%2e/x", "a/%2E./../x"]) {
    expect(() => proxyTarget(ROOT, path), path).toThrow(TypeError);
  }
  expect(proxyTarget(ROOT, "a/../b").url).toContain("/sdk/proxy/slack/");
});

test("what fetch takes stays; all else is JSON", () => {
  const form = new FormData();
  expect(bodyOf(form)).toEqual({ body: form, isJson: false });
  expect(bodyOf("text")).toEqual({ body: "text", isJson: false });
  expect(bodyOf(undefined)).toEqual({ isJson: false });
  for (const [value, text] of [
    [{ a: 1 }, '{"a":1}'],
    [[1], "[1]"],
    [7, "7"],
    [false, "false"],
    [null, "null"],
  ]) {
    expect(bodyOf(value)).toEqual({ body: text, isJson: true });
  }
});
