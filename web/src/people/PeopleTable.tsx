import type { ReactNode } from "react";
import type { Member, StaffMember } from "../api/gen/types.gen";
import { useText } from "../text";
import { Time } from "../ui/Time";

interface PeopleTableProps<P extends Member | StaffMember> {
  label: string;
  people: P[];
  /** What stands beside the name of who may not sign in. */
  off?: (p: P) => string | undefined;
  role: (p: P) => ReactNode;
  actions?: (p: P) => ReactNode;
}

/** People with their roles and how they sign in: those of a merchant, or the staff. */
export function PeopleTable<P extends Member | StaffMember>({
  label,
  people,
  off,
  role,
  actions,
}: PeopleTableProps<P>) {
  const t = useText();
  return (
    <table className="table" aria-label={label}>
      <thead>
        <tr>
          <th scope="col">{t.people.person}</th>
          <th scope="col">{t.people.role}</th>
          <th scope="col">{t.people.factor}</th>
          <th scope="col">{t.people.lastSignIn}</th>
          {actions && (
            <th scope="col">
              <span className="sr-only">{t.people.actions}</span>
            </th>
          )}
        </tr>
      </thead>
      <tbody>
        {people.map((p) => (
          <tr key={p.id}>
            <td data-label={t.people.person}>
              <div className="stack tight">
                <span className="anywhere">
                  <strong>{p.name}</strong>{" "}
                  {p.you && (
                    <span className="pill" data-tone="info">
                      {t.people.you}
                    </span>
                  )}
                  {off?.(p) && (
                    <span className="pill" data-tone="warn">
                      {off(p)}
                    </span>
                  )}
                </span>
                <span className="small muted anywhere">{p.email}</span>
              </div>
            </td>
            <td data-label={t.people.role}>{role(p)}</td>
            <td data-label={t.people.factor} className="small">
              {p.second_factor ? t.people.factorOn : <span className="muted">{t.people.factorOff}</span>}
            </td>
            <td data-label={t.people.lastSignIn} className="small">
              {p.signed_in_at ? <Time at={p.signed_in_at} as="ago" /> : <span className="muted">{t.people.never}</span>}
            </td>
            {actions && <td>{actions(p)}</td>}
          </tr>
        ))}
      </tbody>
    </table>
  );
}
