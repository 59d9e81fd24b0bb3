-- Spaces at the end in PAD SPACE and NO PAD collations: groups, DISTINCT, windows, unique keys.
-- setup
CREATE TABLE p (id INT PRIMARY KEY, g VARCHAR(10) COLLATE utf8mb4_general_ci, b VARCHAR(10) COLLATE utf8mb4_bin, n VARCHAR(10) COLLATE utf8mb4_0900_ai_ci, c CHAR(10) COLLATE utf8mb4_general_ci, l VARCHAR(10) CHARACTER SET latin1);
INSERT INTO p VALUES (1, 'a', 'a', 'a', 'a', 'a'), (2, 'a ', 'a ', 'a ', 'a ', 'a '), (3, 'A  ', 'A', 'A', 'A', 'A '), (4, 'b', 'b', 'b', 'b', 'b'), (5, NULL, NULL, NULL, NULL, NULL);
CREATE TABLE pu (k VARCHAR(10) COLLATE utf8mb4_general_ci, UNIQUE (k));
CREATE TABLE nu (k VARCHAR(10) COLLATE utf8mb4_0900_ai_ci, UNIQUE (k));
-- cases
-- each x: g | b | n | c | l
SELECT COUNT(*) AS k, MIN(id) AS i FROM p GROUP BY {x} ORDER BY i;
SELECT {x}, COUNT(*) AS k, MIN(id) AS i FROM p GROUP BY {x} ORDER BY i;
SELECT COUNT(DISTINCT {x}) AS k FROM p;
SELECT COUNT(DISTINCT {x}, {x}) AS k FROM p;
SELECT LENGTH({x}) AS n FROM p WHERE id = 1 UNION ALL SELECT COUNT(*) FROM (SELECT DISTINCT {x} FROM p) AS d;
SELECT DISTINCT UPPER(TRIM({x})) AS v FROM p ORDER BY v;
SELECT COUNT(*) FROM (SELECT DISTINCT {x}, id > 2 FROM p) AS d;
SELECT id + 0 AS i, COUNT(*) OVER (PARTITION BY {x}) AS k FROM p ORDER BY id;
SELECT {x} AS v, COUNT(*) AS k FROM p GROUP BY v HAVING k > 1 ORDER BY k DESC;
SELECT COUNT(*) AS k FROM p GROUP BY {x} WITH ROLLUP;
SELECT a.id + 0 AS i, b.id + 0 AS j FROM p a JOIN p b ON a.{x} = b.{x} WHERE a.id < b.id ORDER BY 1, 2;
-- end
SELECT DISTINCT g FROM p WHERE id IN (1, 4) ORDER BY g;
SELECT DISTINCT g FROM p WHERE id IN (1, 4) ORDER BY g DESC LIMIT 1;
SELECT GROUP_CONCAT(DISTINCT g ORDER BY g) AS x FROM p WHERE id IN (1, 4);
INSERT INTO pu VALUES ('a');
INSERT INTO pu VALUES ('a ');
INSERT INTO pu VALUES ('A');
INSERT INTO nu VALUES ('a');
INSERT INTO nu VALUES ('a ');
INSERT INTO nu VALUES ('A');
