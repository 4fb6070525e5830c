-- The tables whose rows become entries.
SELECT timeline_watch('video_progress');
SELECT timeline_watch('learning_milestones');
SELECT timeline_watch('reflections');
SELECT timeline_watch('quiz_attempts');
SELECT timeline_watch('enrollments');
SELECT timeline_watch('lesson_completions');
SELECT timeline_watch('daily_notes');
SELECT timeline_watch('success_proofs');
SELECT timeline_watch('goal_milestones');
SELECT timeline_watch('goals');
SELECT timeline_watch('goal_messages');

-- A heartbeat rewrites a row of video_progress every few seconds and mostly changes no entry.
-- Its update trigger is therefore a row's, with a condition that the executor checks before
-- calling anything: whatever timeline_entries(video_progress) reads stands in it.
DO $watch$
BEGIN
    EXECUTE format($sql$
        CREATE OR REPLACE FUNCTION timeline_update_video_progress() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
        SET search_path FROM CURRENT SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
        AS $body$
        BEGIN
            PERFORM pg_advisory_xact_lock_shared(hashtext('student_activity_timeline'));
            PERFORM FROM profiles WHERE id IN (OLD.student_id, NEW.student_id) ORDER BY id FOR SHARE;
            DELETE FROM student_activity_timeline
            WHERE id IN (SELECT id FROM timeline_entries(OLD) EXCEPT SELECT id FROM timeline_entries(NEW));
            %s;
            RETURN NULL;
        END
        $body$
    $sql$, timeline_upsert('(SELECT NEW.student_id, entry.* FROM timeline_entries(NEW) AS entry) AS written'));
END
$watch$;

CREATE OR REPLACE TRIGGER timeline_update AFTER UPDATE ON video_progress
FOR EACH ROW WHEN (
    OLD.tenth_reached_at IS DISTINCT FROM NEW.tenth_reached_at
    OR OLD.completed_at IS DISTINCT FROM NEW.completed_at
    OR NEW.completed_at IS NOT NULL AND upper(OLD.watched) IS DISTINCT FROM upper(NEW.watched)
    OR OLD.student_id IS DISTINCT FROM NEW.student_id
    OR OLD.video_id IS DISTINCT FROM NEW.video_id
    OR OLD.id IS DISTINCT FROM NEW.id
)
EXECUTE FUNCTION timeline_update_video_progress();
