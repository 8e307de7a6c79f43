-- Which rows name a blob segment, for the sweep that removes segments nobody names. A place begins
-- with the id of its segment, so a range of places is a segment. Only rows with large values are in
-- these indexes: others pay nothing. Whole places are kept rather than the id cut out of them:
-- under row security only comparisons of the column itself may use an index.
--
-- Old code keeps working, and what it writes is in the indexes, too. Making those on `run` and
-- `step_result` reads the history once.
CREATE INDEX job_input_blob ON job (input_blob) WHERE input_blob IS NOT NULL;
CREATE INDEX job_installation_blob ON job (installation_blob) WHERE installation_blob IS NOT NULL;
CREATE INDEX run_input_blob ON run (input_blob) WHERE input_blob IS NOT NULL;
CREATE INDEX run_installation_blob ON run (installation_blob) WHERE installation_blob IS NOT NULL;
CREATE INDEX step_result_input_blob ON step_result (input_blob) WHERE input_blob IS NOT NULL;
CREATE INDEX step_result_output_blob ON step_result (output_blob) WHERE output_blob IS NOT NULL;
