-- Counts are index-only scans: keep the visibility map fresh, also when rows are only inserted.
ALTER TABLE student_activity_timeline SET (
    autovacuum_vacuum_insert_scale_factor = 0.01,
    autovacuum_vacuum_scale_factor = 0.02,
    autovacuum_analyze_scale_factor = 0.02
);
