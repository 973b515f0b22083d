-- What the profile in force allows, hour by hour: alarms are held against the budget of their own time.
ALTER TABLE statuses
    ADD COLUMN IF NOT EXISTS budget Nullable(Float64) COMMENT 'false alarms of silence the profile accepts, a household and month; NULL: not told' AFTER lag;
