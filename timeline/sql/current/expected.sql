-- What the timeline must hold: every source's rows, mapped. This is the specification that
-- the triggers follow, and what resync and the drift check compare the table with.
CREATE OR REPLACE VIEW timeline_expected AS
SELECT source.student_id, entry.*
FROM video_progress AS source CROSS JOIN LATERAL timeline_entries(source) AS entry
UNION ALL
SELECT source.student_id, entry.*
FROM learning_milestones AS source CROSS JOIN LATERAL timeline_entries(source) AS entry
UNION ALL
SELECT source.student_id, entry.*
FROM reflections AS source CROSS JOIN LATERAL timeline_entries(source) AS entry
UNION ALL
SELECT source.student_id, entry.*
FROM quiz_attempts AS source CROSS JOIN LATERAL timeline_entries(source) AS entry
UNION ALL
SELECT source.student_id, entry.*
FROM enrollments AS source CROSS JOIN LATERAL timeline_entries(source) AS entry
UNION ALL
SELECT source.student_id, entry.*
FROM lesson_completions AS source CROSS JOIN LATERAL timeline_entries(source) AS entry
UNION ALL
SELECT source.student_id, entry.*
FROM daily_notes AS source CROSS JOIN LATERAL timeline_entries(source) AS entry
UNION ALL
SELECT source.student_id, entry.*
FROM success_proofs AS source CROSS JOIN LATERAL timeline_entries(source) AS entry
UNION ALL
SELECT source.student_id, entry.*
FROM goal_milestones AS source CROSS JOIN LATERAL timeline_entries(source) AS entry
UNION ALL
SELECT source.student_id, entry.*
FROM goals AS source CROSS JOIN LATERAL timeline_entries(source) AS entry
UNION ALL
SELECT source.student_id, entry.*
FROM goal_messages AS source CROSS JOIN LATERAL timeline_entries(source) AS entry;
