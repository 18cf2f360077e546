import { describe, expect, it, vi } from "vitest";
import { answered, creationOptions, fromBytes, requestOptions, toBytes } from "./passkeys";

describe("passkeys in a browser that does not read JSON", () => {
  vi.stubGlobal("PublicKeyCredential", class {});

  it("bytes go to base64url and back, whatever they are", () => {
    for (const bytes of [[], [0], [255, 254, 253], [62, 63, 62, 63], Array.from({ length: 256 }, (_, i) => i)]) {
      const word = fromBytes(new Uint8Array(bytes).buffer);
      expect(word).toMatch(/^[\w-]*$/);
      expect([...toBytes(word)]).toEqual(bytes);
    }
  });

  it("every binary field of a question is bytes", () => {
    const asked = requestOptions({
      challenge: "-_8",
      rpId: "x",
      allowCredentials: [{ id: "AQI", type: "public-key" }],
    });
    expect([...(asked.challenge as Uint8Array)]).toEqual([251, 255]);
    expect(asked.allowCredentials).toEqual([{ id: new Uint8Array([1, 2]), type: "public-key" }]);
    expect(asked.rpId).toBe("x");
    const made = creationOptions({ challenge: "AQ", user: { id: "Ag", name: "a", displayName: "A" } });
    expect([...(made.user.id as Uint8Array)]).toEqual([2]);
    expect(made.excludeCredentials).toEqual([]);
  });

  it("an answer holds what its kind has, and no more", () => {
    const bytes = (n: number) => new Uint8Array([n]).buffer;
    const got = answered({
      id: "AQ",
      rawId: bytes(1),
      type: "public-key",
      authenticatorAttachment: null,
      getClientExtensionResults: () => ({}),
      response: {
        clientDataJSON: bytes(2),
        authenticatorData: bytes(3),
        signature: bytes(4),
        userHandle: null,
      },
    } as unknown as Credential);
    expect(got.rawId).toBe("AQ");
    expect(got.response).toEqual({ clientDataJSON: "Ag", authenticatorData: "Aw", signature: "BA" });
  });
});
