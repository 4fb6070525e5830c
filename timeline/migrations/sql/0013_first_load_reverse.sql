DROP FUNCTION timeline_first_load();
