-- Functions keep this search_path (SET … FROM CURRENT): the schema that they are installed in, and then
-- the session's temporary tables, so that none of those is ever taken for a table of ours.
SELECT set_config('search_path', quote_ident(current_schema()) || ', pg_temp', true);

-- What one entry of the timeline says: every column of student_activity_timeline
-- but the student (who comes from the source row) and the generated day.
CREATE TYPE timeline_entry AS (
    id uuid,
    activity_type text,
    created_at timestamptz,
    video_id uuid,
    video_timestamp_seconds integer,
    course_id uuid,
    lesson_id uuid,
    goal_id uuid,
    quiz_id uuid,
    content text,
    metadata jsonb,
    media_url text,
    media_type text,
    media_duration_seconds integer,
    requires_response boolean,
    response_status text,
    instructor_response text,
    responded_at timestamptz,
    responded_by uuid,
    source_table text,
    source_id uuid
);

-- The id of the entry that a source row has for `what` (and, of several, for `part`).
-- It is derived, so it stays the same for ever and is the idempotency key.  A UUIDv8:
-- the first 48 bits are those of source_id, its UUIDv7 time, so that the index stays
-- local; 72 of the others are a hash.  `what` is never the activity_type: a reflection
-- that turns from text to voice keeps its entry.
CREATE OR REPLACE FUNCTION timeline_entry_id(source_table text, source_id uuid, what text, part integer)
RETURNS uuid LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN overlay(
    overlay(
        overlay(
            md5(source_table || source_id::text || what || part::text)
            PLACING left(source_id::text, 13) FROM 1 FOR 12
        ) PLACING '8' FROM 14 FOR 1
    ) PLACING 'a' FROM 18 FOR 1
)::uuid;
