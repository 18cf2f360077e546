import { Menu } from "@mantine/core";
import "@mantine/core/styles/Popover.css";
import "@mantine/core/styles/Menu.css";
import type { DropMenuProps } from "./DropMenu";

/** The menu itself, open from the start: it is drawn when its button was pressed. */
export default function DropMenuOpen({ button, lines, position, width }: DropMenuProps) {
  return (
    <Menu defaultOpened position={position} width={width} returnFocus>
      <Menu.Target>{button}</Menu.Target>
      <Menu.Dropdown>
        {lines.map((line, i) =>
          line === "line" ? (
            // biome-ignore lint/suspicious/noArrayIndexKey: a line between has no name
            <Menu.Divider key={i} />
          ) : "heading" in line ? (
            <Menu.Label key={line.heading}>{line.heading}</Menu.Label>
          ) : (
            <Menu.Item key={line.do} lang={line.lang} leftSection={line.icon} disabled={line.off} onClick={line.run}>
              {line.do}
            </Menu.Item>
          ),
        )}
      </Menu.Dropdown>
    </Menu>
  );
}
