-- Walks the folder of the database, so it is asked seldom.
SELECT pg_catalog.pg_database_size(current_database())
