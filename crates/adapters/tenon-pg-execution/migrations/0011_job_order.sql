-- Why: what a job goes before, and what it waits for. It is decided once, when the job is accepted,
-- so that the sweep pushes its id again in the same order, and a replay has it too. `priority` is 0
-- for high, 1 for normal, 2 for low. `lane` names jobs of the project of which only some may run at a
-- time: `lane_max` of them, or with 0 one after the other in the order of acceptance.
--
-- Old code: leaves it as normal and without a lane, and keeps working; what it accepts while both run
-- is not ordered. Adding columns with constant defaults rewrites nothing.
ALTER TABLE job
    ADD COLUMN priority smallint NOT NULL DEFAULT 1 CHECK (priority BETWEEN 0 AND 2),
    ADD COLUMN lane     bytea    CHECK (octet_length(lane) = 16),
    ADD COLUMN lane_max smallint CHECK (lane_max >= 0),
    ADD CHECK ((lane IS NULL) = (lane_max IS NULL));
-- Finds out whether a job came before its turn, when its queue has lost an earlier one. Work without
-- an order pays nothing for it.
CREATE INDEX job_by_lane ON job (project_id, lane, run_id) WHERE lane_max = 0;
ALTER TABLE run
    ADD COLUMN priority smallint NOT NULL DEFAULT 1,
    ADD COLUMN lane     bytea,
    ADD COLUMN lane_max smallint;
