// Disconnecting an account, after a question.

import * as AlertDialog from "@radix-ui/react-alert-dialog";
import { useState } from "react";
import { asFailure, type Failure } from "../../host/failure";
import { failureText, texts } from "../../texts";
import { Button } from "../Button";
import { useController } from "../context";
import { Notice } from "../Notice";

export function DisconnectButton({ credentialId, name }: { credentialId: string; name: string }) {
  const controller = useController();
  const [isOpen, setOpen] = useState(false);
  const [isBusy, setBusy] = useState(false);
  const [failure, setFailure] = useState<Failure>();

  const disconnect = async () => {
    setBusy(true);
    setFailure(undefined);
    try {
      await controller.disconnect(credentialId);
      setOpen(false);
    } catch (error) {
      setFailure(asFailure(error));
    }
    setBusy(false);
  };

  return (
    <AlertDialog.Root open={isOpen} onOpenChange={(open) => !isBusy && setOpen(open)}>
      <AlertDialog.Trigger className="button button-danger">
        {texts.disconnect.action}
      </AlertDialog.Trigger>
      <AlertDialog.Portal>
        <div className="backdrop" />
        <AlertDialog.Content className="question">
          <AlertDialog.Title>{texts.disconnect.title(name)}</AlertDialog.Title>
          <AlertDialog.Description>{texts.disconnect.text(name)}</AlertDialog.Description>
          {failure ? <Notice look="error">{failureText(failure)}</Notice> : null}
          <div className="question-actions">
            <AlertDialog.Cancel className="button button-secondary">
              {texts.cancel}
            </AlertDialog.Cancel>
            <Button look="primary" className="destructive" isBusy={isBusy} onClick={disconnect}>
              {isBusy ? texts.disconnect.busy : texts.disconnect.confirm}
            </Button>
          </div>
        </AlertDialog.Content>
      </AlertDialog.Portal>
    </AlertDialog.Root>
  );
}
