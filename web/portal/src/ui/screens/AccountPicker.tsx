// The accounts of an integration: which one is on the screen, others to choose, one more to add.

import * as Popover from "@radix-ui/react-popover";
import { useState } from "react";
import { accountName } from "../../model/accounts";
import { texts } from "../../texts";
import type { Credential } from "../../wire/credential";
import type { Portal } from "../../wire/update";
import { useController } from "../context";
import { Icon } from "../Icon";

export function AccountPicker({ portal, selected }: { portal: Portal; selected: Credential }) {
  const controller = useController();
  const [isOpen, setOpen] = useState(false);
  const { credentials, options } = portal;
  const name = accountName(selected, credentials.indexOf(selected));
  if (credentials.length < 2 && !options.allowsManyAccounts) {
    return (
      <div className="account">
        <AccountLine credential={selected} name={name} />
      </div>
    );
  }
  return (
    <Popover.Root open={isOpen} onOpenChange={setOpen}>
      <Popover.Trigger className="account account-button">
        <span className="visually-hidden">{texts.account.choose}: </span>
        <AccountLine credential={selected} name={name} />
        <Icon name="chevron" size={16} />
      </Popover.Trigger>
      <Popover.Portal>
        <Popover.Content
          className="popover account-menu"
          align="start"
          sideOffset={6}
          collisionPadding={12}
          aria-label={texts.account.choose}
        >
          <ul>
            {credentials.map((credential, index) => (
              <li key={credential.id}>
                <button
                  type="button"
                  className="account-choice"
                  aria-current={credential === selected}
                  onClick={() => {
                    setOpen(false);
                    controller.select(credential.id);
                  }}
                >
                  <AccountLine credential={credential} name={accountName(credential, index)} />
                  {credential === selected ? <Icon name="check" size={16} /> : null}
                </button>
              </li>
            ))}
          </ul>
          {options.allowsManyAccounts ? (
            <button
              type="button"
              className="account-choice account-add"
              onClick={() => {
                setOpen(false);
                controller.connect();
              }}
            >
              <Icon name="plus" size={16} />
              {texts.account.add}
            </button>
          ) : null}
        </Popover.Content>
      </Popover.Portal>
    </Popover.Root>
  );
}

function AccountLine({ credential, name }: { credential: Credential; name: string }) {
  return (
    <span className="account-line">
      <span className={`dot dot-${credential.status.toLowerCase()}`} aria-hidden="true" />
      <span className="account-name">{name}</span>
      <span className="account-status">{texts.account.status[credential.status]}</span>
    </span>
  );
}
