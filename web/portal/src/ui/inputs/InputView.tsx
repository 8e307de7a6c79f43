// Shows an input by its type.

import type { ComponentType } from "react";
import type { Input, InputType } from "../../wire/input";
import { ComboField } from "./ComboField";
import { PermissionField, SelectField, SwitchField } from "./choice-inputs";
import { MapperField } from "./MapperField";
import { CopyField, FileField } from "./other-inputs";
import { TextAreaField, TextField } from "./text-inputs";

export interface InputProps {
  id: string;
  input: Input;
  value: unknown;
  error?: string;
  /** Something was typed; more may follow. */
  onChange(value: unknown): void;
  /** Something was chosen; it is whole. */
  onChoose(value: unknown): void;
  /** The user went on to something else. */
  onLeave(): void;
}

const VIEWS: Record<InputType, ComponentType<InputProps>> = {
  TEXT_NO_VARS: TextField,
  TEXTAREA_NO_VARS: TextAreaField,
  NUMBER: TextField,
  EMAIL: TextField,
  URL: TextField,
  PASSWORD: TextField,
  BOOLEAN_INPUT: SwitchField,
  SWITCH: SwitchField,
  ENUM: SelectField,
  DYNAMIC_ENUM: SelectField,
  CUSTOM_DROPDOWN: SelectField,
  COMBO_INPUT: ComboField,
  DYNAMIC_COMBO_INPUT: ComboField,
  FIELD_MAPPER: MapperField,
  COPYABLE_BUTTON_INPUT: CopyField,
  PERMISSION: PermissionField,
  FILE: FileField,
};

export function InputView(props: InputProps) {
  const View = VIEWS[props.input.type];
  return <View {...props} />;
}
