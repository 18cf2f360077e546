import { Switch } from "@mantine/core";
import "@mantine/core/styles/InlineInput.css";
import "@mantine/core/styles/Switch.css";
import { useState } from "react";
import { useText } from "../text";
import { Dialog } from "../ui/Dialog";
import classes from "./Help.module.css";
import { setShortcuts, shortcutsOn } from "./keyboard";

const groups = [
  [
    "list",
    [
      ["j k", "move"],
      ["Enter", "open"],
      ["x", "select"],
      ["Shift+X", "range"],
      ["Ctrl+A", "all"],
      ["s", "sync"],
      ["o", "place"],
      ["c", "copy"],
      ["1 – 7", "tabs"],
      ["/", "search"],
      ["f", "filters"],
      ["Esc", "close"],
    ],
  ],
  [
    "pages",
    [
      ["g o", "orders"],
      ["g p", "pay"],
      ["g a", "activity"],
      ["g h", "health"],
      ["g c", "connections"],
      ["g m", "mappings"],
      ["g s", "settings"],
      ["?", "help"],
    ],
  ],
] as const;

/** The shortcuts of the keyboard, and their switch. */
export function Help({ onClose }: { onClose: () => void }) {
  const t = useText();
  const [on, setOn] = useState(shortcutsOn);
  return (
    <Dialog title={t.frame.help} onClose={onClose}>
      <div className="stack">
        <Switch
          checked={on}
          label={t.keys.on}
          description={t.keys.onHint}
          onChange={(e) => {
            setShortcuts(e.currentTarget.checked);
            setOn(e.currentTarget.checked);
          }}
        />
        {groups.map(([group, keys]) => (
          <section key={group}>
            <h3>{t.keys.groups[group]}</h3>
            <table className="table keep">
              <tbody>
                {keys.map(([key, does]) => (
                  <tr key={key}>
                    <th scope="row" className={classes.key}>
                      <kbd>{key}</kbd>
                    </th>
                    <td>{t.keys.does[does]}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          </section>
        ))}
      </div>
    </Dialog>
  );
}
