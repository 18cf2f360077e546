import { Button, TextInput } from "@mantine/core";
import { type FormEvent, useState } from "react";
import { call } from "../api/call";
import { createView, deleteView } from "../api/gen/sdk.gen";
import { queryClient } from "../api/queries";
import { useText } from "../text";
import { Confirm } from "../ui/Confirm";
import { Dialog } from "../ui/Dialog";
import { ActionFailed } from "../ui/states";
import { useAct } from "../ui/useAct";

/** Keeps what the list shows under a name. */
export function SaveView({ query, onClose }: { query: string; onClose: () => void }) {
  const t = useText();
  const [name, setName] = useState("");
  const { busy, failed, act } = useAct();

  function save(e: FormEvent) {
    e.preventDefault();
    void act(async () => {
      await call(createView({ body: { name: name.trim(), query: query.replace(/^\?/, "") } }));
      await queryClient.invalidateQueries({ queryKey: ["views"] });
      onClose();
    });
  }

  return (
    <Dialog
      title={t.orders.saveView}
      size="small"
      onClose={onClose}
      actions={
        <>
          <Button variant="default" onClick={onClose}>
            {t.do.cancel}
          </Button>
          <Button type="submit" form="save-view" loading={busy}>
            {t.do.save}
          </Button>
        </>
      }
    >
      <form id="save-view" className="stack" onSubmit={save}>
        <TextInput
          label={t.orders.viewName}
          description={t.orders.viewNameHint}
          value={name}
          onChange={(e) => setName(e.currentTarget.value)}
          maxLength={60}
          required
        />
        <ActionFailed error={failed} what={t.do.save} />
      </form>
    </Dialog>
  );
}

/** Asks before a view is gone for everybody. */
export function DeleteView({ view, onClose }: { view: { id: string; name: string }; onClose: () => void }) {
  const t = useText();
  async function remove() {
    await call(deleteView({ path: { id: view.id } }));
    await queryClient.invalidateQueries({ queryKey: ["views"] });
  }
  return <Confirm title={t.orders.deleteView(view.name)} label={t.do.remove} run={remove} onClose={onClose} />;
}
