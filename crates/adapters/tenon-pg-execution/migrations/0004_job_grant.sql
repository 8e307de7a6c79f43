-- What lets a run use the accounts of its connected user: signed when the job is accepted, shown
-- to the vault by whoever runs it, gone with the job. Old code neither writes nor reads it and
-- keeps working; the runs that it accepts cannot use accounts.
ALTER TABLE job ADD COLUMN "grant" text;
