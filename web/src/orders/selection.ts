// Which orders are selected: some by name, or all that match. It outlives live changes, sorting and loading more.

/** all: everything that the list would show, loaded or not. */
export interface Selection {
  ids: ReadonlySet<string>;
  all: boolean;
}

export const nothing: Selection = { ids: new Set(), all: false };

/** Selects an order, or takes it out. Out of everything, what is loaded stays selected. */
export function toggle(s: Selection, id: string, loaded: readonly string[]): Selection {
  const ids = new Set(s.all ? loaded : s.ids);
  if (!ids.delete(id)) ids.add(id);
  return { ids, all: false };
}

/** Selects everything between two rows, both included. */
export function range(s: Selection, from: string, to: string, loaded: readonly string[]): Selection {
  const a = loaded.indexOf(from);
  const b = loaded.indexOf(to);
  if (a < 0 || b < 0) return toggle(s, to, loaded);
  return { ids: new Set([...s.ids, ...loaded.slice(Math.min(a, b), Math.max(a, b) + 1)]), all: false };
}

/** Selects everything that is loaded, or nothing when it is. */
export function toggleAll(s: Selection, loaded: readonly string[]): Selection {
  if (s.all || (loaded.length > 0 && loaded.every((id) => s.ids.has(id)))) return nothing;
  return { ids: new Set([...s.ids, ...loaded]), all: false };
}

export const isSelected = (s: Selection, id: string) => s.all || s.ids.has(id);
