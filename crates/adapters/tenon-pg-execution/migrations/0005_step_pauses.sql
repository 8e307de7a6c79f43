-- How many records of the same step before this one were pauses (a provider's rate limit). The
-- number of a record stays its key; the attempt that people see is `attempt - pauses`. The
-- constant default changes no stored row; old code writes rows without pauses and keeps working.
ALTER TABLE step_result ADD COLUMN pauses integer NOT NULL DEFAULT 0;
