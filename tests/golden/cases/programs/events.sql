-- Events: their definitions, and what SHOW tells of them. (Times of creation are not compared.)
-- setup
SET time_zone = '+02:00';
CREATE TABLE l (id INT AUTO_INCREMENT PRIMARY KEY, w VARCHAR(20));
-- cases
CREATE EVENT a ON SCHEDULE EVERY 1 DAY STARTS '2030-01-01 00:00:00' DO INSERT INTO l (w) VALUES ('a');
CREATE EVENT b ON SCHEDULE AT '2031-05-05 10:00:00' ON COMPLETION PRESERVE DISABLE COMMENT 'it''s' DO BEGIN INSERT INTO l (w) VALUES ('b'); DELETE FROM l; END;
CREATE EVENT c ON SCHEDULE EVERY '1:30' HOUR_MINUTE STARTS '2030-01-01' ENDS '2030-02-01' + INTERVAL 1 DAY ENABLE DO SET @a = 1;
CREATE EVENT d ON SCHEDULE AT CURRENT_TIMESTAMP - INTERVAL 1 HOUR DO SET @a = 1;
CREATE EVENT d2 ON SCHEDULE AT '2020-02-02 02:02:02' ON COMPLETION PRESERVE DO SET @a = 1;
CREATE EVENT e ON SCHEDULE EVERY 0 SECOND DO SET @a = 1;
CREATE EVENT e ON SCHEDULE EVERY 1 SECOND STARTS '2030-01-01' ENDS '2029-01-01' DO SET @a = 1;
CREATE EVENT a ON SCHEDULE EVERY 1 SECOND DO SET @a = 1;
CREATE EVENT IF NOT EXISTS a ON SCHEDULE EVERY 1 SECOND DO SET @a = 1;
CREATE EVENT e ON SCHEDULE EVERY 1 MICROSECOND DO SET @a = 1;
CREATE EVENT e ON SCHEDULE AT 'garbage' DO SET @a = 1;
CREATE EVENT e ON SCHEDULE AT NULL DO SET @a = 1;
CREATE EVENT e ON SCHEDULE DO SET @a = 1;
CREATE EVENT e3 ON SCHEDULE EVERY 3 MONTH STARTS '2030-01-31 10:00:00' DISABLE ON SLAVE DO ALTER EVENT a RENAME TO b;
CREATE EVENT x ON SCHEDULE EVERY 1 DAY DO CREATE EVENT y ON SCHEDULE EVERY 1 DAY DO SELECT 1;
SELECT CONCAT_WS('|', event_name, time_zone, event_body, event_definition, event_type, execute_at, interval_value, interval_field, starts, ends, status, on_completion, event_comment) AS e FROM information_schema.events WHERE event_schema = DATABASE() ORDER BY event_name;
ALTER EVENT a RENAME TO aa;
ALTER EVENT aa DISABLE;
ALTER EVENT aa COMMENT 'new';
ALTER EVENT aa ON SCHEDULE EVERY 2 HOUR STARTS '2030-02-03 04:05:06';
ALTER EVENT aa DO SELECT 2;
SELECT CONCAT_WS('|', event_name, time_zone, event_body, event_definition, event_type, execute_at, interval_value, interval_field, starts, ends, status, on_completion, event_comment) AS e FROM information_schema.events WHERE event_schema = DATABASE() ORDER BY event_name;
ALTER EVENT aa ON COMPLETION PRESERVE ENABLE;
SELECT CONCAT_WS('|', event_name, time_zone, event_body, event_definition, event_type, execute_at, interval_value, interval_field, starts, ends, status, on_completion, event_comment) AS e FROM information_schema.events WHERE event_schema = DATABASE() ORDER BY event_name;
ALTER EVENT aa;
ALTER EVENT aa RENAME TO b;
ALTER EVENT b ENABLE ON COMPLETION PRESERVE;
ALTER EVENT nope DISABLE;
DROP EVENT nope;
DROP EVENT IF EXISTS nope;
SELECT CONCAT_WS('|', event_name, time_zone, event_body, event_definition, event_type, execute_at, interval_value, interval_field, starts, ends, status, on_completion, event_comment) AS e FROM information_schema.events WHERE event_schema = DATABASE() ORDER BY event_name;
SHOW CREATE EVENT gone;
DROP EVENT b;
SELECT CONCAT_WS('|', event_name, time_zone, event_body, event_definition, event_type, execute_at, interval_value, interval_field, starts, ends, status, on_completion, event_comment) AS e FROM information_schema.events WHERE event_schema = DATABASE() ORDER BY event_name;
