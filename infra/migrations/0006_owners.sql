-- Who answers for an incident and until when: owners change by the hour and when nobody acts in time.
ALTER TABLE incidents
    ADD COLUMN IF NOT EXISTS acknowledged_by String COMMENT 'the officer who took it last; empty: nobody has' AFTER ladder,
    ADD COLUMN IF NOT EXISTS level UInt32 COMMENT 'how often it moved on to another owner because time passed' AFTER acknowledged_by,
    ADD COLUMN IF NOT EXISTS step_until Nullable(DateTime64(3, 'UTC')) COMMENT 'when the time of its owner is over' AFTER level,
    ADD COLUMN IF NOT EXISTS visited_at Nullable(DateTime64(3, 'UTC')) COMMENT 'when an officer last said that somebody goes there' AFTER step_until,
    ADD COLUMN IF NOT EXISTS snoozed_until Nullable(DateTime64(3, 'UTC')) COMMENT 'until when the owner has put it off' AFTER visited_at;

-- A view keeps the columns it was made with.
CREATE OR REPLACE VIEW incidents_current AS
SELECT * FROM incidents FINAL
ORDER BY household, incident, revision DESC
LIMIT 1 BY household, incident
COMMENT 'the last revision of every incident, those of exercises (status Exercise) among them';
