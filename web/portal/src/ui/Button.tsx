// Buttons: one that matters per screen (`primary`), others quiet.

import type { ComponentProps } from "react";

export interface ButtonProps extends ComponentProps<"button"> {
  look?: "primary" | "secondary" | "quiet" | "danger";
  isBusy?: boolean;
}

export function Button({ look = "secondary", isBusy, className, children, ...props }: ButtonProps) {
  return (
    <button
      type="button"
      {...props}
      className={`button button-${look} ${className ?? ""}`}
      aria-disabled={isBusy || undefined}
      onClick={isBusy ? (event) => event.preventDefault() : props.onClick}
    >
      {isBusy ? <Spinner /> : null}
      {children}
    </button>
  );
}

export function Spinner() {
  return <span className="spinner" aria-hidden="true" />;
}
