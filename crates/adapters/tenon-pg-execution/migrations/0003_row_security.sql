-- Nothing of another project is ever read: every connection says what it is for. Batches of
-- intake and recorder span projects and run as 'system'; readers set the project in their
-- transaction. FORCE makes the policies hold for the owner too.
ALTER TABLE job ENABLE ROW LEVEL SECURITY;
ALTER TABLE job FORCE ROW LEVEL SECURITY;
CREATE POLICY job_of_project ON job USING (
    current_setting('tenon.scope', true) = 'system'
    OR project_id = nullif(current_setting('tenon.project_id', true), '')::uuid
);
ALTER TABLE once_key ENABLE ROW LEVEL SECURITY;
ALTER TABLE once_key FORCE ROW LEVEL SECURITY;
CREATE POLICY once_key_of_project ON once_key USING (
    current_setting('tenon.scope', true) = 'system'
    OR project_id = nullif(current_setting('tenon.project_id', true), '')::uuid
);
ALTER TABLE run ENABLE ROW LEVEL SECURITY;
ALTER TABLE run FORCE ROW LEVEL SECURITY;
CREATE POLICY run_of_project ON run USING (
    current_setting('tenon.scope', true) = 'system'
    OR project_id = nullif(current_setting('tenon.project_id', true), '')::uuid
);
ALTER TABLE step_result ENABLE ROW LEVEL SECURITY;
ALTER TABLE step_result FORCE ROW LEVEL SECURITY;
CREATE POLICY step_result_of_project ON step_result USING (
    current_setting('tenon.scope', true) = 'system'
    OR project_id = nullif(current_setting('tenon.project_id', true), '')::uuid
);
