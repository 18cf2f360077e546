import { Button, NativeSelect, Switch } from "@mantine/core";
import "@mantine/core/styles/Switch.css";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { call } from "../api/call";
import {
  changeRole,
  demandSecondFactor,
  endSessionsOfPerson,
  invite,
  removePerson,
  uninvite,
} from "../api/gen/sdk.gen";
import type { Member } from "../api/gen/types.gen";
import { useMay } from "../api/may";
import { peopleQuery, queryClient } from "../api/queries";
import { Invitations, InviteDialog } from "../people/Invitations";
import { PeopleTable } from "../people/PeopleTable";
import { useText } from "../text";
import { Confirm } from "../ui/Confirm";
import { IconPlus, IconTrash } from "../ui/icons";
import { ActionFailed, Failed, Loading } from "../ui/states";
import { toast } from "../ui/toasts";
import { useAct } from "../ui/useAct";
import { SectionCard } from "./SettingsCard";

const roles = ["member", "owner", "read_only"] as const;
type Role = Member["role"];

/** The merchant's people: what each may do, and who is invited. */
export function PeopleSection() {
  const t = useText();
  const may = useMay("people:write");
  const { data, error, isPending, refetch } = useQuery(peopleQuery);
  const [inviting, setInviting] = useState(false);
  return (
    <SectionCard id="people" lead={t.settings.people}>
      {isPending && <Loading rows={2} />}
      {error && !data && <Failed error={error} onRetry={() => void refetch()} />}
      {data && (
        <>
          {data.people.length > 0 ? (
            <People people={data.people} may={may} />
          ) : (
            <p className="muted">{t.settings.noPeople}</p>
          )}
          {may && data.people.length > 0 && <FactorRule needed={data.second_factor_needed} />}
          <Invitations
            invitations={data.invitations}
            list="people"
            takeBack={may ? (id) => call(uninvite({ path: { id } })) : undefined}
          />
          {may && (
            <div>
              <Button variant="default" leftSection={<IconPlus />} onClick={() => setInviting(true)}>
                {t.people.invite}
              </Button>
            </div>
          )}
        </>
      )}
      {inviting && (
        <InviteDialog
          roles={roles}
          list="people"
          invite={(email, role) => call(invite({ body: { email, role } }))}
          onClose={() => setInviting(false)}
        />
      )}
    </SectionCard>
  );
}

/** Whether everybody here needs a second factor. */
function FactorRule({ needed }: { needed: boolean }) {
  const t = useText();
  const { busy, failed, act } = useAct();
  const demand = (on: boolean) =>
    act(async () => {
      await call(demandSecondFactor({ body: { needed: on } }));
      await queryClient.invalidateQueries({ queryKey: ["people"] });
      toast({ title: on ? t.people.factorDemanded : t.people.factorFree });
    });
  return (
    <>
      <Switch
        label={t.people.demandFactor}
        description={t.people.demandFactorLead}
        checked={needed}
        disabled={busy}
        onChange={(e) => void demand(e.currentTarget.checked)}
      />
      <ActionFailed error={failed} what={t.people.demandFactor} />
    </>
  );
}

function People({ people, may }: { people: Member[]; may: boolean }) {
  const t = useText();
  const [removing, setRemoving] = useState<Member>();
  const { busy, failed, act } = useAct();

  /** Reads what depends on roles anew: one's own may be among them. */
  const reread = () => Promise.all(["people", "me"].map((key) => queryClient.invalidateQueries({ queryKey: [key] })));

  const change = (p: Member, role: Role) =>
    act(async () => {
      await call(changeRole({ path: { id: p.id }, body: { role } }));
      await reread();
      toast({ title: t.people.roleChanged(p.name, t.people.roles[role]) });
    });

  return (
    <>
      <PeopleTable
        label={t.settings.nav.people}
        people={people}
        role={(p) =>
          may ? (
            <NativeSelect
              aria-label={t.people.changeRole(p.name)}
              value={p.role}
              disabled={busy}
              onChange={(e) => void change(p, e.currentTarget.value as Role)}
              data={roles.map((value) => ({ value, label: t.people.roles[value] }))}
            />
          ) : (
            t.people.roles[p.role]
          )
        }
        manage={
          may
            ? {
                signOut: (p) => call(endSessionsOfPerson({ path: { id: p.id } })),
                actions: (p) => (
                  <button
                    type="button"
                    className="iconButton"
                    title={t.do.remove}
                    aria-label={t.people.remove(p.name)}
                    onClick={() => setRemoving(p)}
                  >
                    <IconTrash />
                  </button>
                ),
              }
            : undefined
        }
      />
      <ActionFailed error={failed} what={t.people.role} />
      {removing && (
        <Confirm
          title={t.people.remove(removing.name)}
          label={t.do.remove}
          run={async () => {
            await call(removePerson({ path: { id: removing.id } }));
            await reread();
            toast({ title: t.people.removed(removing.name) });
          }}
          onClose={() => setRemoving(undefined)}
        >
          <p>{t.people.removeLead}</p>
        </Confirm>
      )}
    </>
  );
}
