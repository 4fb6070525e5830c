-- A correction is one of a goal of that student, as in 0002_goal_keys.sql.
ALTER TABLE goal_corrections ADD CONSTRAINT goals_goalcorrection_goal_of_student
    FOREIGN KEY (student_id, goal_id) REFERENCES goals (student_id, id) ON DELETE CASCADE;
