import { type ReactNode, useState } from "react";
import type { Member, StaffMember } from "../api/gen/types.gen";
import { useText } from "../text";
import { Confirm } from "../ui/Confirm";
import { IconLeave } from "../ui/icons";
import { Time } from "../ui/Time";
import { toast } from "../ui/toasts";
import classes from "./people.module.css";

interface PeopleTableProps<P extends Member | StaffMember> {
  label: string;
  people: P[];
  /** What stands beside the name of who may not sign in. */
  off?: (p: P) => string | undefined;
  role: (p: P) => ReactNode;
  /** For who may manage these people. */
  manage?: { signOut: (p: P) => Promise<unknown>; actions: (p: P) => ReactNode };
}

/** People with their roles and how they sign in: those of a merchant, or the staff. */
export function PeopleTable<P extends Member | StaffMember>({ label, people, off, role, manage }: PeopleTableProps<P>) {
  const t = useText();
  const [leaving, setLeaving] = useState<P>();
  return (
    <>
      <table className="table" aria-label={label}>
        <thead>
          <tr>
            <th scope="col">{t.people.person}</th>
            <th scope="col">{t.people.role}</th>
            <th scope="col">{t.people.factor}</th>
            <th scope="col">{t.people.lastSignIn}</th>
            {manage && (
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
              <td data-label={t.people.role} className={classes.role}>
                {role(p)}
              </td>
              <td data-label={t.people.factor} className="small">
                {p.second_factor ? t.people.factorOn : <span className="muted">{t.people.factorOff}</span>}
              </td>
              <td data-label={t.people.lastSignIn} className="small">
                {p.signed_in_at ? (
                  <Time at={p.signed_in_at} as="ago" />
                ) : (
                  <span className="muted">{t.people.never}</span>
                )}
              </td>
              {manage && (
                <td>
                  <span className={classes.actions}>
                    {!p.you && (
                      <button
                        type="button"
                        className="iconButton"
                        title={t.people.signOutTitle}
                        aria-label={t.people.signOut(p.name)}
                        onClick={() => setLeaving(p)}
                      >
                        <IconLeave />
                      </button>
                    )}
                    {manage.actions(p)}
                  </span>
                </td>
              )}
            </tr>
          ))}
        </tbody>
      </table>
      {manage && leaving && (
        <Confirm
          title={t.people.signOut(leaving.name)}
          label={t.people.signOutLabel}
          run={async () => {
            await manage.signOut(leaving);
            toast({ title: t.people.signedOut(leaving.name) });
          }}
          onClose={() => setLeaving(undefined)}
        >
          <p>{t.people.signOutLead}</p>
        </Confirm>
      )}
    </>
  );
}
