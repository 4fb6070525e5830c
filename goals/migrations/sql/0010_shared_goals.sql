-- A shared story is that of a goal of its student, as in 0002_goal_keys.sql.
ALTER TABLE shared_stories ADD CONSTRAINT goals_sharedstory_goal_of_student
    FOREIGN KEY (student_id, goal_id) REFERENCES goals (student_id, id) ON DELETE CASCADE;
