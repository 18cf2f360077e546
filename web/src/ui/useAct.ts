import { useState } from "react";

/** Something that a person has the server do: whether it is under way, and why it did not work. What was typed stays. */
export function useAct() {
  const [busy, setBusy] = useState(false);
  const [failed, setFailed] = useState<unknown>();

  async function act(work: () => Promise<unknown>) {
    setBusy(true);
    setFailed(undefined);
    try {
      await work();
    } catch (e) {
      setFailed(e);
    } finally {
      setBusy(false);
    }
  }

  return { busy, failed, act };
}
