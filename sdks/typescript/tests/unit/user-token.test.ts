import { createPublicKey, createVerify, generateKeyPairSync } from "node:crypto";
import { expect, test } from "vitest";
import { importKey, signUserToken } from "../../src/server.js";

const pair = generateKeyPairSync("rsa", { modulusLength: 2048 });
const pem = pair.privateKey.export({ type: "pkcs8", format: "pem" }).toString();

function read(token: string) {
  const [header = "", claims = "", signature = ""] = token.split(".");
  const parse = (part: string) => JSON.parse(Buffer.from(part, "base64url").toString());
  const verify = createVerify("RSA-SHA256").update(`${header}.${claims}`);
  const key = createPublicKey(pair.publicKey.export({ type: "spki", format: "pem" }));
  const isValid = verify.verify(key, Buffer.from(signature, "base64url"));
  return { header: parse(header), claims: parse(claims), isValid };
}

test("a token names the user, ends, and is signed", async () => {
  const before = Math.floor(Date.now() / 1000);
  const token = await signUserToken({ privateKey: pem, keyId: "k-1", userId: "größe-✓" });
  expect(token).toMatch(/^[\w-]+\.[\w-]+\.[\w-]+$/);
  const { header, claims, isValid } = read(token);
  expect(isValid).toBe(true);
  expect(header).toEqual({ alg: "RS256", typ: "JWT", kid: "k-1" });
  expect(claims.sub).toBe("größe-✓");
  expect(claims.iat).toBeGreaterThanOrEqual(before);
  expect(claims.exp - claims.iat).toBe(3_600);
  expect(Object.keys(claims)).toEqual(["sub", "iat", "exp"]);
});

test("permissions are the claim of the contract", async () => {
  const permissions = {
    "integration:*": true,
    "integration:slack": ["event"],
    "configuration:ext:a": false,
  } as const;
  const token = await signUserToken({
    privateKey: await importKey(pem),
    userId: "u",
    expiresIn: 60.9,
    permissions: { ...permissions, "integration:slack": ["event"] },
  });
  const { header, claims, isValid } = read(token);
  expect(isValid).toBe(true);
  expect(header.kid).toBeUndefined();
  expect(claims["urn:useparagon:connect:permissions"]).toEqual(permissions);
  expect(claims.exp - claims.iat).toBe(60);
});

test("a key of an environment variable may be on one line", async () => {
  const token = await signUserToken({ privateKey: pem.replaceAll("\n", "\\n"), userId: "u" });
  expect(read(token).isValid).toBe(true);
});

test("what is no key is refused without being told", async () => {
  const old = pair.privateKey.export({ type: "pkcs1", format: "pem" }).toString();
  const body = pem.split("\n").slice(1, -2).join("");
  const cut = `-----BEGIN PRIVATE KEY-----\n${body.slice(0, 200)}\n-----END PRIVATE KEY-----`;
  for (const privateKey of ["", "secret", old, cut]) {
    const error = await signUserToken({ privateKey, userId: "u" }).catch((caught) => caught);
    expect(error).toBeInstanceOf(TypeError);
    expect(String(error.message) + String(error.cause)).not.toContain(body.slice(0, 20));
  }
});

test("a token needs a user and an end", async () => {
  const sign = (more: object) => signUserToken({ privateKey: pem, userId: "u", ...more });
  for (const more of [{ userId: "" }, { userId: "x".repeat(256) }, { expiresIn: 0 }]) {
    await expect(sign(more)).rejects.toThrow(TypeError);
  }
  await expect(sign({ expiresIn: Number.POSITIVE_INFINITY })).rejects.toThrow(TypeError);
});
