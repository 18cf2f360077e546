import { Button, NativeSelect, TextInput } from "@mantine/core";
import { type FormEvent, useState } from "react";
import type { Invitation } from "../api/gen/types.gen";
import { queryClient } from "../api/queries";
import { whoWords } from "../order/words";
import { useText } from "../text";
import { Confirm } from "../ui/Confirm";
import { Dialog } from "../ui/Dialog";
import { IconTrash } from "../ui/icons";
import { ShownOnce } from "../ui/ShownOnce";
import { ActionFailed } from "../ui/states";
import { Time } from "../ui/Time";
import { toast } from "../ui/toasts";
import { useAct } from "../ui/useAct";

type Role = Invitation["role"];

interface InvitationsProps {
  invitations: Invitation[];
  /** The list that they are of, as it is kept. */
  list: "people" | "staff";
  /** Absent for who may not take one back. */
  takeBack?: (id: string) => Promise<unknown>;
}

/** The invitations that nobody has taken yet. */
export function Invitations({ invitations, list, takeBack }: InvitationsProps) {
  const t = useText();
  const [leaving, setLeaving] = useState<Invitation>();
  if (invitations.length === 0) return null;
  return (
    <div className="stack tight">
      <h3>{t.people.invitations}</h3>
      <ul className="stack">
        {invitations.map((i) => (
          <li key={i.id} className="spread">
            <div className="stack tight">
              <span className="anywhere">
                <strong>{i.email}</strong> <span className="pill">{t.people.roles[i.role]}</span>
              </span>
              <span className="small muted">
                {t.people.invitedBy(whoWords(i.by))} · {t.people.expires} <Time at={i.expires_at} />
              </span>
            </div>
            {takeBack && (
              <button
                type="button"
                className="iconButton"
                aria-label={t.people.uninvite(i.email)}
                title={t.people.uninviteLabel}
                onClick={() => setLeaving(i)}
              >
                <IconTrash />
              </button>
            )}
          </li>
        ))}
      </ul>
      {leaving && takeBack && (
        <Confirm
          title={t.people.uninvite(leaving.email)}
          label={t.people.uninviteLabel}
          run={async () => {
            await takeBack(leaving.id);
            await queryClient.invalidateQueries({ queryKey: [list] });
            toast({ title: t.people.uninvited(leaving.email) });
          }}
          onClose={() => setLeaving(undefined)}
        >
          <p>{t.people.uninviteLead}</p>
        </Confirm>
      )}
    </div>
  );
}

interface InviteProps<R extends Role> {
  roles: readonly R[];
  list: "people" | "staff";
  invite: (email: string, role: R) => Promise<Invitation>;
  onClose: () => void;
}

/** Invites somebody; where no mail is sent it shows the link, this once. */
export function InviteDialog<R extends Role>({ roles, list, invite, onClose }: InviteProps<R>) {
  const t = useText();
  const [email, setEmail] = useState("");
  const [role, setRole] = useState(roles[0]);
  const [made, setMade] = useState<Invitation>();
  const { busy, failed, act } = useAct();

  function submit(e: FormEvent) {
    e.preventDefault();
    void act(async () => {
      if (!role) return;
      const invitation = await invite(email.trim(), role);
      await queryClient.invalidateQueries({ queryKey: [list] });
      if (invitation.link) {
        setMade(invitation);
        return;
      }
      toast({ title: t.people.invited(invitation.email), detail: t.people.mailed(invitation.email) });
      onClose();
    });
  }

  if (made?.link)
    return (
      <ShownOnce
        title={t.people.invited(made.email)}
        value={made.link}
        lead={t.people.link}
        copy={t.people.copyLink}
        copied={t.people.linkCopied}
        onClose={onClose}
      />
    );
  return (
    <Dialog
      title={t.people.invite}
      size="small"
      onClose={onClose}
      actions={
        <>
          <Button variant="default" onClick={onClose}>
            {t.do.cancel}
          </Button>
          <Button type="submit" form="invite" loading={busy}>
            {t.people.invite}
          </Button>
        </>
      }
    >
      <form id="invite" className="stack" onSubmit={submit}>
        <p className="muted">{t.people.inviteLead}</p>
        <TextInput
          type="email"
          label={t.signIn.email}
          autoComplete="off"
          value={email}
          maxLength={254}
          onChange={(e) => setEmail(e.currentTarget.value)}
          required
        />
        <NativeSelect
          label={t.people.role}
          description={role && t.people.roleHints[role]}
          value={role}
          onChange={(e) => setRole(e.currentTarget.value as R)}
          data={roles.map((value) => ({ value, label: t.people.roles[value] }))}
        />
        <ActionFailed error={failed} what={t.people.invite} />
      </form>
    </Dialog>
  );
}
