// Tokens of connected users: RS256, signed with a signing key of the project.

const LIFETIME_S = 60 * 60;
const CLAIM = "urn:useparagon:connect:permissions";

/** A key that was read: `CryptoKey`, which has no global name in Node's own types. */
export type SigningKey = Awaited<ReturnType<typeof crypto.subtle.importKey>>;

/** What a token may allow. */
export type Operation = "credential:write" | "proxy" | "event" | "workflow" | "actionkit";

/** Such as `integration:slack`, `credential:<id>`, `configuration:ext:<name>`, or with `*`. */
export type Scope = `integration:${string}` | `credential:${string}` | `configuration:${string}`;

/** For each scope everything, nothing, or a list. The most specific scope that fits decides. */
export type Permissions = Partial<Record<Scope, boolean | Operation[]>>;

export interface TokenOptions {
  /** The signing key's private part as it was shown once: PEM that begins `BEGIN PRIVATE KEY`. */
  privateKey: string | SigningKey;
  /** The signing key's id. Without it, each key of the project is tried. */
  keyId?: string;
  /** Your own id of the user, 1 to 255 bytes. */
  userId: string;
  /** In seconds: 3,600. Keep it short; the browser asks for a new one by itself. */
  expiresIn?: number;
  /** Without it the token allows everything that the user may do. */
  permissions?: Permissions;
}

/** Signs a token for a user. Do it on your server, for the user who is signed in there. */
export async function signUserToken(options: TokenOptions): Promise<string> {
  const { privateKey, keyId, userId, expiresIn = LIFETIME_S, permissions } = options;
  if (userId === "" || new TextEncoder().encode(userId).length > 255) {
    throw new TypeError("a user's id has 1 to 255 bytes");
  }
  if (!Number.isFinite(expiresIn) || expiresIn <= 0) {
    throw new TypeError("`expiresIn` is a number of seconds above 0");
  }
  const key = typeof privateKey === "string" ? await importKey(privateKey) : privateKey;
  const now = Math.floor(Date.now() / 1000);
  const header = { alg: "RS256", typ: "JWT", ...(keyId === undefined ? {} : { kid: keyId }) };
  const claims = {
    sub: userId,
    iat: now,
    exp: now + Math.floor(expiresIn),
    ...(permissions === undefined ? {} : { [CLAIM]: permissions }),
  };
  const content = `${encoded(JSON.stringify(header))}.${encoded(JSON.stringify(claims))}`;
  const bytes = new TextEncoder().encode(content);
  const signature = await crypto.subtle.sign("RSASSA-PKCS1-v1_5", key, bytes);
  return `${content}.${base64Url(new Uint8Array(signature))}`;
}

/** Reads a private key once, for apps that sign many tokens. */
export async function importKey(pem: string): Promise<SigningKey> {
  // Environment variables often have the two characters `\n` for a new line.
  const text = pem.replace(/\\n/g, "\n");
  const body = /-----BEGIN PRIVATE KEY-----([\s\S]+?)-----END PRIVATE KEY-----/.exec(text)?.[1];
  if (body === undefined) {
    throw new TypeError("the private key must be PEM that begins with `BEGIN PRIVATE KEY`");
  }
  try {
    const der = Uint8Array.from(atob(body.replace(/\s+/g, "")), (char) => char.charCodeAt(0));
    return await importPkcs8(der.buffer);
  } catch {
    // The cause is left out: it could quote the key.
    throw new TypeError("the private key cannot be read: is it a whole RSA key in PKCS#8 form?");
  }
}

function importPkcs8(der: ArrayBuffer): Promise<SigningKey> {
  const algorithm = { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" };
  return crypto.subtle.importKey("pkcs8", der, algorithm, false, ["sign"]);
}

function encoded(text: string): string {
  return base64Url(new TextEncoder().encode(text));
}

function base64Url(bytes: Uint8Array): string {
  const text = Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
  return btoa(text).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
}
