-- What a certainty rests on: only a calibrated one may be read as a probability.
ALTER TABLE incidents
    ADD COLUMN IF NOT EXISTS certainty_by LowCardinality(String) COMMENT 'observed, calibrated or assumed; empty of an earlier version' AFTER chance_by;

-- A view keeps the columns it was made with.
CREATE OR REPLACE VIEW incidents_current AS
SELECT * FROM incidents FINAL
ORDER BY household, incident, revision DESC
LIMIT 1 BY household, incident
COMMENT 'the last revision of every incident, those of exercises (status Exercise) among them';
