-- A quiz inside a video is a quiz of that video's lesson, and moves with it.
ALTER TABLE quizzes ADD CONSTRAINT courses_quiz_video_of_lesson
    FOREIGN KEY (lesson_id, video_id) REFERENCES media_files (lesson_id, id)
    ON UPDATE CASCADE ON DELETE CASCADE;

-- Heartbeats rewrite the row in place: room for them on every page keeps them out of the indexes.
ALTER TABLE video_progress SET (fillfactor = 70);

-- Functions keep this search_path (SET … FROM CURRENT): the schema that they are installed in, and then
-- the session's temporary tables, so that none of those is ever taken for a table of ours.
SELECT set_config('search_path', quote_ident(current_schema()) || ', pg_temp', true);

-- How many seconds of a video some ranges cover.
CREATE OR REPLACE FUNCTION seconds_covered(ranges int4multirange) RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (SELECT coalesce(sum(upper(part) - lower(part)), 0)::integer FROM unnest(ranges) AS part);

-- A report of watching is an insert or an update of `watched` and `watched_at`.
-- It adds to what was there: coverage never goes down, and what was reached once
-- stays reached at its first time, whatever becomes of the video's duration. Times that
-- the writer names itself are kept.
CREATE OR REPLACE FUNCTION video_progress_reached() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
    duration integer;
    threshold numeric;
    covered integer;
BEGIN
    NEW.tenth_reached_at := (NEW.tenth_reached_at || array_fill(NULL::timestamptz, ARRAY[9]))[1:9];
    SELECT m.duration_seconds, m.completion_threshold INTO duration, threshold
    FROM media_files m WHERE m.id = NEW.video_id;
    IF NOT FOUND THEN
        RETURN NEW;  -- the foreign key refuses the row with a better message
    END IF;

    -- Seconds that the video does not have cannot be watched.
    NEW.watched := NEW.watched * int4multirange(int4range(0, duration));

    IF TG_OP = 'UPDATE' AND NEW.student_id = OLD.student_id AND NEW.video_id = OLD.video_id THEN
        NEW.watched := OLD.watched + NEW.watched;
        NEW.watched_at := greatest(OLD.watched_at, NEW.watched_at);
        NEW.completed_at := least(OLD.completed_at, NEW.completed_at);
        FOR tenth IN 1..9 LOOP
            NEW.tenth_reached_at[tenth] := least(OLD.tenth_reached_at[tenth], NEW.tenth_reached_at[tenth]);
        END LOOP;
    END IF;

    covered := seconds_covered(NEW.watched * int4multirange(int4range(0, duration)));
    FOR tenth IN 1..least(covered * 10 / duration, 9) LOOP
        NEW.tenth_reached_at[tenth] := coalesce(NEW.tenth_reached_at[tenth], NEW.watched_at);
    END LOOP;
    IF covered >= threshold * duration THEN
        NEW.completed_at := coalesce(NEW.completed_at, NEW.watched_at);
    END IF;
    RETURN NEW;
END
$$;

CREATE OR REPLACE TRIGGER video_progress_reached
BEFORE INSERT OR UPDATE ON video_progress
FOR EACH ROW EXECUTE FUNCTION video_progress_reached();

-- It runs as its owner: who may write video_progress need not read media_files.
REVOKE ALL ON FUNCTION video_progress_reached() FROM PUBLIC;
