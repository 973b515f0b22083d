-- The check-in ladder of an incident: who or what was asked, until when, and what came of it.
ALTER TABLE incidents
    ADD COLUMN IF NOT EXISTS ladder Array(Tuple(
        ask String,
        request String,
        asked_at DateTime64(3, 'UTC'),
        deadline Nullable(DateTime64(3, 'UTC')),
        outcome String,
        outcome_at Nullable(DateTime64(3, 'UTC')),
        why String
    )) COMMENT 'questions asked so far, in their order; an empty outcome is still awaited' AFTER status;

-- A view keeps the columns it was made with.
CREATE OR REPLACE VIEW incidents_current AS
SELECT * FROM incidents FINAL
ORDER BY household, incident, revision DESC
LIMIT 1 BY household, incident
COMMENT 'the last revision of every incident, those of exercises (status Exercise) among them';
