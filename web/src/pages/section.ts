import { useEffect, useState } from "react";
import { asFailure, call } from "../api/call";
import { getSettings, replaceSettings } from "../api/gen/sdk.gen";
import type { Settings } from "../api/gen/types.gen";
import { queryClient, settingsQuery } from "../api/queries";
import { useText } from "../text";
import { toast } from "../ui/toasts";
import { changedMeanwhile, type Values, withSection } from "./settings";

/** The sections of this page that hold what is not saved, by name. */
export const unsaved = new Set<string>();

/** Notes whether a section holds what is not saved. */
function useUnsaved(name: string, dirty: boolean) {
  useEffect(() => {
    if (dirty) unsaved.add(name);
    else unsaved.delete(name);
    return () => {
      unsaved.delete(name);
    };
  }, [name, dirty]);
}

interface SectionSpec<D> {
  name: string;
  keys: readonly (keyof Settings)[];
  /** The settings as the form holds them. */
  write: (s: Settings) => D;
  /** What the form means. */
  read: (d: D) => Values;
  /** What is wrong with which field. */
  check: (d: D) => Partial<Record<keyof D, string>>;
}

/** Saves settings: everything as it is just now, with these changed. */
export async function saveSettings(fresh: Settings, values: Values): Promise<Settings> {
  const saved = await call(replaceSettings({ body: withSection(fresh, values) }));
  queryClient.setQueryData(settingsQuery.queryKey, saved);
  void queryClient.invalidateQueries({ queryKey: ["health"] });
  void queryClient.invalidateQueries({ queryKey: ["me"] });
  return saved;
}

/** A section of the settings: what is typed, whether it is saved, and what became of saving it. */
export function useSection<D extends object>(settings: Settings, spec: SectionSpec<D>) {
  const t = useText();
  const [base, setBase] = useState(settings);
  const [draft, setDraft] = useState(() => spec.write(settings));
  const [tried, setTried] = useState(false);
  const [busy, setBusy] = useState(false);
  const [failed, setFailed] = useState<unknown>();
  const [theirs, setTheirs] = useState(false);
  const dirty = JSON.stringify(draft) !== JSON.stringify(spec.write(base));
  useUnsaved(spec.name, dirty);
  // What others change is shown as long as nothing is typed here.
  useEffect(() => {
    if (settings === base || dirty) return;
    setBase(settings);
    setDraft(spec.write(settings));
  }, [settings, base, dirty, spec.write]);

  function take(from: Settings) {
    setBase(from);
    setDraft(spec.write(from));
    setTheirs(false);
    setTried(false);
    setFailed(undefined);
  }

  async function save() {
    setTried(true);
    setFailed(undefined);
    if (Object.keys(spec.check(draft)).length > 0) return;
    setBusy(true);
    try {
      const mine = spec.read(draft);
      const fresh = await call(getSettings());
      if (!theirs && changedMeanwhile(base, fresh, mine, spec.keys)) {
        setBase(fresh);
        setTheirs(true);
        return;
      }
      take(await saveSettings(fresh, mine));
      toast({ title: t.settings.saved(spec.name) });
    } catch (e) {
      setFailed(e);
    } finally {
      setBusy(false);
    }
  }

  /** What is wrong with a field: what is seen here, or what the server said of it. */
  function wrong(field: keyof D, pointer?: string): string | undefined {
    const here = tried ? spec.check(draft)[field] : undefined;
    if (here || !failed || !pointer) return here;
    return asFailure(failed).problem?.errors?.find((e) => e.pointer.startsWith(pointer))?.reason;
  }

  return {
    draft,
    set: (change: Partial<D>) => setDraft((d) => ({ ...d, ...change })),
    dirty,
    busy,
    failed,
    theirs,
    save,
    wrong,
    reset: () => take(base),
  };
}

export type Section<D extends object> = ReturnType<typeof useSection<D>>;
