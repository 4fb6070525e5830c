DROP TRIGGER video_progress_reached ON video_progress;
DROP FUNCTION video_progress_reached();
DROP FUNCTION seconds_covered(int4multirange);
ALTER TABLE video_progress RESET (fillfactor);
ALTER TABLE quizzes DROP CONSTRAINT courses_quiz_video_of_lesson;
