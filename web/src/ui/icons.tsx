// The icons, drawn after Tabler Icons (MIT License, Copyright (c) 2020-2026 Paweł Kuna): 24 units wide, lines of 2.

import type { SVGProps } from "react";

function icon(...paths: string[]) {
  return function Icon(props: SVGProps<SVGSVGElement>) {
    return (
      <svg
        width="1.15em"
        height="1.15em"
        viewBox="0 0 24 24"
        fill="none"
        stroke="currentColor"
        strokeWidth="2"
        strokeLinecap="round"
        strokeLinejoin="round"
        aria-hidden="true"
        focusable="false"
        {...props}
      >
        {paths.map((d) => (
          <path key={d} d={d} />
        ))}
      </svg>
    );
  };
}

export const IconOrders = icon("M12 3l8 4.500v9L12 21l-8-4.500v-9z", "M12 12l8-4.500", "M12 12v9", "M12 12L4 7.500");
export const IconPay = icon("M3 6h18v12H3z", "M3 10h18", "M7 15h3");
export const IconActivity = icon("M12 8v4l3 2", "M3.100 11a9 9 0 1 1 .5 4", "M3 20v-5h5");
export const IconHealth = icon("M3 12h4l3 8 4-16 3 8h4");
export const IconConnections = icon(
  "M7 12l5 5-1.500 1.500a3.500 3.500 0 1 1-5-5z",
  "M17 12l-5-5 1.500-1.500a3.500 3.500 0 1 1 5 5z",
  "M3 21l2.500-2.500",
  "M18.500 5.500L21 3",
  "M10 11l-2 2",
  "M13 14l-2 2",
);
export const IconMapping = icon("M4 6h6v4H4z", "M14 14h6v4h-6z", "M10 8h4a3 3 0 0 1 3 3v3");
export const IconSettings = icon(
  "M4 6h8",
  "M16 6h4",
  "M4 12h2",
  "M10 12h10",
  "M4 18h11",
  "M19 18h1",
  "M14 4v4",
  "M8 10v4",
  "M17 16v4",
);
export const IconSync = icon(
  "M20 11a8.100 8.100 0 0 0-15.500-2M4 5v4h4",
  "M4 13a8.100 8.100 0 0 0 15.500 2M20 19v-4h-4",
);
export const IconSearch = icon("M10 17a7 7 0 1 0 0-14 7 7 0 0 0 0 14z", "M21 21l-6-6");
export const IconDown = icon("M6 9l6 6 6-6");
export const IconRight = icon("M9 6l6 6-6 6");
export const IconLeft = icon("M15 6l-6 6 6 6");
export const IconClose = icon("M18 6L6 18", "M6 6l12 12");
export const IconCheck = icon("M5 12l5 5L20 7");
export const IconWarn = icon(
  "M12 9v4",
  "M12 17v.01",
  "M10.300 3.900L2.500 17.500A2 2 0 0 0 4.200 20.500h15.600a2 2 0 0 0 1.700-3L13.700 3.900a2 2 0 0 0-3.400 0z",
);
export const IconClock = icon("M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18z", "M12 7v5l3 3");
export const IconCopy = icon("M8 8h12v12H8z", "M16 8V4H4v12h4");
export const IconOut = icon("M11 7H6a2 2 0 0 0-2 2v9a2 2 0 0 0 2 2h9a2 2 0 0 0 2-2v-5", "M10 14L20 4", "M15 4h5v5");
export const IconDownload = icon("M4 17v2a2 2 0 0 0 2 2h12a2 2 0 0 0 2-2v-2", "M7 11l5 5 5-5", "M12 4v12");
export const IconFilter = icon("M4 5h16l-6 7.500V19l-4 1.500v-8z");
export const IconView = icon("M6 4h12v17l-6-4-6 4z");
export const IconEye = icon(
  "M12 14a2 2 0 1 0 0-4 2 2 0 0 0 0 4z",
  "M21 12c-2.400 4-5.400 6-9 6s-6.600-2-9-6c2.400-4 5.400-6 9-6s6.600 2 9 6z",
);
export const IconMoon = icon("M12 3a6.500 6.500 0 0 0 9 9 9 9 0 1 1-9-9z");
export const IconSun = icon(
  "M12 16a4 4 0 1 0 0-8 4 4 0 0 0 0 8z",
  "M3 12h1",
  "M20 12h1",
  "M12 3v1",
  "M12 20v1",
  "M5.600 5.600l.7.7",
  "M17.700 17.700l.7.7",
  "M5.600 18.400l.7-.7",
  "M17.700 6.300l.7-.7",
);
export const IconStore = icon(
  "M4 21h16",
  "M5 21V11",
  "M19 21V11",
  "M4 7l1.500-4h13L20 7a3 3 0 0 1-5.300 2A3 3 0 0 1 9.300 9 3 3 0 0 1 4 7z",
  "M10 21v-5h4v5",
);
export const IconCart = icon(
  "M6 19a1.500 1.500 0 1 0 3 0 1.500 1.500 0 0 0-3 0z",
  "M15 19a1.500 1.500 0 1 0 3 0 1.500 1.500 0 0 0-3 0z",
  "M3 4h2l3 12h10l2-8H6",
);
export const IconUser = icon("M12 11a4 4 0 1 0 0-8 4 4 0 0 0 0 8z", "M5 21a7 7 0 0 1 14 0");
export const IconMenu = icon("M4 6h16", "M4 12h16", "M4 18h16");
export const IconHelp = icon(
  "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18z",
  "M12 17v.01",
  "M9.500 9a2.500 2.500 0 1 1 3.500 2.300c-.7.4-1 .9-1 1.700",
);
export const IconMore = icon("M5 11.5a.5.5 0 1 0 .01 0z", "M12 11.5a.5.5 0 1 0 .01 0z", "M19 11.5a.5.5 0 1 0 .01 0z");
export const IconPause = icon("M8 5v14", "M16 5v14");
export const IconEdit = icon("M4 20h4L19 9l-4-4L4 16z", "M13 7l4 4");
export const IconTrash = icon("M4 7h16", "M10 11v6", "M14 11v6", "M6 7l1 13h10l1-13", "M9 7V4h6v3");
export const IconLeave = icon("M10 4H5v16h5", "M15 8l4 4-4 4", "M19 12H9");
export const IconPlus = icon("M12 5v14", "M5 12h14");
