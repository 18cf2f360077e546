import classes from "./Frame.module.css";

/** The product's mark and name. */
export function Logo() {
  return (
    <span className={classes.logo}>
      <svg viewBox="0 0 32 32" width="28" height="28" aria-hidden="true">
        <rect width="32" height="32" rx="7" fill="#1b5fc1" />
        <path
          d="M7 11l3.200 11L16 12.500l5.800 9.500L25 11"
          fill="none"
          stroke="#fff"
          strokeWidth="3"
          strokeLinecap="round"
          strokeLinejoin="round"
        />
      </svg>
      <span>Waybill</span>
    </span>
  );
}
