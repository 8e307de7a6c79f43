// The state of one integration of a user, as `GET /sdk/me` answers it, with an account put in or
// taken out. The SDK does this itself; the page that stands alone needs it.

import { type JsonObject, objects } from "../wire/read";

export function withCredential(state: JsonObject, credential: JsonObject): JsonObject {
  const all = objects(state.allCredentials);
  const isKnown = all.some(({ id }) => id === credential.id);
  const allCredentials = isKnown
    ? all.map((one) => (one.id === credential.id ? credential : one))
    : [...all, credential];
  const isCurrent = !isKnown || state.credentialId === credential.id;
  if (!isCurrent) return { ...state, allCredentials };
  return {
    ...state,
    allCredentials,
    enabled: credential.status === "VALID",
    credentialId: credential.id,
    credentialStatus: credential.status,
  };
}

export function withoutCredential(state: JsonObject, credentialId: string): JsonObject {
  const allCredentials = objects(state.allCredentials).filter(({ id }) => id !== credentialId);
  const [first] = allCredentials;
  return {
    ...state,
    allCredentials,
    enabled: first?.status === "VALID",
    credentialId: first?.id,
    credentialStatus: first?.status,
  };
}
