-- Where in which trace a run was triggered, so that its steps are seen as part of it, whenever and
-- wherever they run: the ids of the trace and of the span, 24 bytes. Null for what is not traced,
-- which is everything unless traces are switched on. It goes with the job. Old code neither writes
-- nor reads it and keeps working.
ALTER TABLE job ADD COLUMN trace bytea;
