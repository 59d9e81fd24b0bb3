-- Rows without ORDER BY come in the order of the key, also with LIMIT.
-- setup
CREATE TABLE o (id INT PRIMARY KEY, v VARCHAR(20), n INT);
INSERT INTO o VALUES (5, 'five', 1), (1, 'one', 2), (9, 'nine', 1), (3, 'three', 2), (7, 'seven', NULL);
UPDATE o SET v = 'three again' WHERE id = 3;
DELETE FROM o WHERE id = 5;
INSERT INTO o VALUES (5, 'five again', 3), (2, 'two', 3);
CREATE TABLE o2 (a VARCHAR(10), b INT, c INT, PRIMARY KEY (a, b));
INSERT INTO o2 VALUES ('b', 2, 1), ('A', 3, 2), ('a', 1, 3), ('B', 1, 4), ('c', 0, 5), ('_', 9, 6);
CREATE TABLE o3 (v VARCHAR(10), n INT);
INSERT INTO o3 VALUES ('z', 1), ('a', 2), ('m', 3), ('a', 4);
UPDATE o3 SET v = 'y' WHERE n = 1;
CREATE TABLE o4 (t VARCHAR(10), seen INT AUTO_INCREMENT PRIMARY KEY);
-- cases
SELECT * FROM o;
SELECT v FROM o;
SELECT v, n FROM o WHERE n > 1;
SELECT id FROM o WHERE id > 2;
SELECT * FROM o LIMIT 3;
SELECT * FROM o LIMIT 2 OFFSET 2;
SELECT v FROM o WHERE n = 2 LIMIT 1;
SELECT CONCAT(v, '!') FROM o WHERE id <> 3;
SELECT * FROM o2;
SELECT c FROM o2 WHERE c > 1;
SELECT a, b FROM o2 LIMIT 4;
SELECT * FROM o3;
SELECT * FROM o3 LIMIT 2;
SELECT * FROM o3 WHERE v = 'a';
SELECT id, (SELECT v FROM o AS i WHERE i.n = o.n LIMIT 1) AS first_of FROM o WHERE n IS NOT NULL;
SELECT * FROM (SELECT * FROM o LIMIT 2) AS d;
INSERT INTO o4 (t) SELECT v FROM o;
SELECT * FROM o4;
DELETE FROM o LIMIT 2;
SELECT * FROM o;
UPDATE o SET n = 100 LIMIT 2;
SELECT * FROM o;
SELECT @first := v FROM o LIMIT 1;
