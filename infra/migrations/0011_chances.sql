-- How likely it is that somebody needs help, and what that is made of: what orders a list is explained.
ALTER TABLE incidents
    ADD COLUMN IF NOT EXISTS chance Nullable(Float64) COMMENT 'how likely it is that somebody needs help, 0 to 1' AFTER snoozed_until,
    ADD COLUMN IF NOT EXISTS chance_by Map(String, Float32) COMMENT 'what the chance is made of, log-odds' AFTER chance;

-- A view keeps the columns it was made with.
CREATE OR REPLACE VIEW incidents_current AS
SELECT * FROM incidents FINAL
ORDER BY household, incident, revision DESC
LIMIT 1 BY household, incident
COMMENT 'the last revision of every incident, those of exercises (status Exercise) among them';
