import { Button, NativeSelect } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { call } from "../api/call";
import { changeStaff, endSessionsOfStaff, inviteStaff, uninviteStaff } from "../api/gen/sdk.gen";
import type { StaffMember } from "../api/gen/types.gen";
import { queryClient, staffQuery } from "../api/queries";
import { Invitations, InviteDialog } from "../people/Invitations";
import { PeopleTable } from "../people/PeopleTable";
import { useText } from "../text";
import { Confirm } from "../ui/Confirm";
import { IconPlus } from "../ui/icons";
import { ActionFailed, Failed, Loading } from "../ui/states";
import { Title } from "../ui/Title";
import { toast } from "../ui/toasts";
import { useAct } from "../ui/useAct";

const roles = ["support", "operator"] as const;
type Role = StaffMember["role"];

/** Who works for the installation. */
export function StaffPage() {
  const t = useText();
  const words = t.support.staff;
  const { data, error, refetch } = useQuery(staffQuery);
  const [inviting, setInviting] = useState(false);
  return (
    <div className="stack">
      <div className="pageHead">
        <div>
          <Title>{words.title}</Title>
          <p className="muted">{words.lead}</p>
        </div>
        <div className="row">
          <Button leftSection={<IconPlus />} onClick={() => setInviting(true)}>
            {t.people.invite}
          </Button>
        </div>
      </div>
      <div className="card stack">
        {error && !data && <Failed error={error} onRetry={() => void refetch()} />}
        {!data && !error && <Loading rows={3} />}
        {data && (
          <>
            <Staff staff={data.staff} />
            <Invitations
              invitations={data.invitations}
              list="staff"
              takeBack={(id) => call(uninviteStaff({ path: { id } }))}
            />
          </>
        )}
      </div>
      {inviting && (
        <InviteDialog
          roles={roles}
          list="staff"
          invite={(email, role) => call(inviteStaff({ body: { email, role } }))}
          onClose={() => setInviting(false)}
        />
      )}
    </div>
  );
}

function Staff({ staff }: { staff: StaffMember[] }) {
  const t = useText();
  const words = t.support.staff;
  const [switching, setSwitching] = useState<StaffMember>();
  const { busy, failed, act } = useAct();

  const change = async (p: StaffMember, role: Role, disabled: boolean) => {
    await call(changeStaff({ path: { id: p.id }, body: { role, disabled } }));
    await queryClient.invalidateQueries({ queryKey: ["staff"] });
  };
  const changeRole = (p: StaffMember, role: Role) =>
    act(async () => {
      await change(p, role, !!p.disabled_at);
      toast({ title: t.people.roleChanged(p.name, t.people.roles[role]) });
    });

  return (
    <>
      <PeopleTable
        label={words.title}
        people={staff}
        off={(p) => (p.disabled_at ? words.off : undefined)}
        role={(p) =>
          // A change ends the person's sessions: nobody does that to himself by a slip.
          p.you ? (
            t.people.roles[p.role]
          ) : (
            <NativeSelect
              aria-label={t.people.changeRole(p.name)}
              value={p.role}
              disabled={busy}
              onChange={(e) => void changeRole(p, e.currentTarget.value as Role)}
              data={roles.map((value) => ({ value, label: t.people.roles[value] }))}
            />
          )
        }
        manage={{
          signOut: (p) => call(endSessionsOfStaff({ path: { id: p.id } })),
          actions: (p) =>
            !p.you && (
              <Button
                size="compact-sm"
                variant="default"
                aria-label={p.disabled_at ? words.switchOn(p.name) : words.switchOff(p.name)}
                onClick={() => setSwitching(p)}
              >
                {p.disabled_at ? words.onLabel : words.offLabel}
              </Button>
            ),
        }}
      />
      <ActionFailed error={failed} what={t.people.role} />
      {switching && (
        <Confirm
          title={switching.disabled_at ? words.switchOn(switching.name) : words.switchOff(switching.name)}
          label={switching.disabled_at ? words.onLabel : words.offLabel}
          run={async () => {
            await change(switching, switching.role, !switching.disabled_at);
            toast({
              title: switching.disabled_at ? words.switchedOn(switching.name) : words.switchedOff(switching.name),
            });
          }}
          onClose={() => setSwitching(undefined)}
        >
          {!switching.disabled_at && <p>{words.offLead}</p>}
        </Confirm>
      )}
    </>
  );
}
