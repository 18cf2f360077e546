// The screens that pages are looked at on: a desk and a hand, in both themes.

export const themes = ["light", "dark"] as const;

export const screens = [
  { viewport: { width: 1440, height: 900 }, hasTouch: false, isMobile: false },
  { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true },
];
