-- What a run of an integration's workflow was accepted with: the account, its configuration, and
-- the settings and metadata of that moment (JSON text as bytes, as other values are; large ones in
-- the blob store). They go with the job into `run`, so that a replay sees them again. A schedule
-- remembers how far a tick with many installations has come: `ticked_through` is the last
-- configuration of `ticking` that was accepted.
--
-- Old code leaves all of it null and keeps working; what it accepts has no installation, and it
-- runs such jobs of new code without their settings: bring workers up to date first. The indexes
-- hold rows with an account only, so that work of no integration pays nothing for them. Making
-- the one on `run` reads the history once.
ALTER TABLE job
    ADD COLUMN credential_id     uuid,
    ADD COLUMN configuration_id  uuid,
    ADD COLUMN installation      bytea,
    ADD COLUMN installation_blob bytea;
ALTER TABLE run
    ADD COLUMN credential_id     uuid,
    ADD COLUMN configuration_id  uuid,
    ADD COLUMN installation      bytea,
    ADD COLUMN installation_blob bytea;
CREATE INDEX job_by_credential ON job (credential_id) WHERE credential_id IS NOT NULL;
CREATE INDEX job_by_configuration ON job (configuration_id) WHERE configuration_id IS NOT NULL;
CREATE INDEX run_by_credential ON run (project_id, credential_id, run_id)
    WHERE credential_id IS NOT NULL;

ALTER TABLE schedule
    ADD COLUMN ticking        timestamptz,
    ADD COLUMN ticked_through uuid;
