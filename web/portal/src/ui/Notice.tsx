// A message in the page: an error to correct, or something to know.

import type { ReactNode } from "react";
import { Icon } from "./Icon";

export interface NoticeProps {
  look: "error" | "warning" | "info";
  title?: string;
  children?: ReactNode;
  action?: ReactNode;
}

export function Notice({ look, title, children, action }: NoticeProps) {
  return (
    <div className={`notice notice-${look}`} role={look === "error" ? "alert" : "status"}>
      {look === "info" ? null : <Icon name="warning" />}
      <div className="notice-body">
        {title ? <strong>{title}</strong> : null}
        {children ? <div>{children}</div> : null}
        {action ? <div className="notice-action">{action}</div> : null}
      </div>
    </div>
  );
}
