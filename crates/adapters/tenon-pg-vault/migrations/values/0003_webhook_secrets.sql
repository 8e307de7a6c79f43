-- Why: what a provider signs its webhooks with is a kind of its own, 5, so that the role that is open
-- to the internet opens that and nothing else.
-- Old code: goes on; it writes kinds 1 to 4, and refuses to read a row of kind 5, which it never
-- asks for.

ALTER TABLE secret DROP CONSTRAINT secret_subject_check;
ALTER TABLE secret ADD CONSTRAINT secret_subject_check CHECK (subject BETWEEN 1 AND 5) NOT VALID;
ALTER TABLE secret VALIDATE CONSTRAINT secret_subject_check;
