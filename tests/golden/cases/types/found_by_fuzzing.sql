-- Differences that random statements found.
-- setup
CREATE TABLE t (id INT PRIMARY KEY, b BIGINT, i INT, d DECIMAL(10,3), f DOUBLE);
INSERT INTO t VALUES (1, 32767, 13, 2.5, 1), (2, -5, 7, 10.125, 99), (3, 100, 3, 0, 101), (4, NULL, 3, 1, 20240015);
CREATE TABLE g (id INT PRIMARY KEY, g VARCHAR(10) COLLATE utf8mb4_general_ci);
INSERT INTO g VALUES (1, ' '), (2, ''), (3, 'a '), (4, 'A'), (5, 'b');
-- cases
SELECT UPPER(g) AS k, COUNT(*) AS n FROM g GROUP BY UPPER(g) ORDER BY UPPER(g);
SELECT CONCAT(g, 'x') AS k, COUNT(*) AS n FROM g GROUP BY CONCAT(g, 'x') HAVING n > 0 ORDER BY 1;
SELECT id, CAST((1 / id) AS DECIMAL(45,10)) AS v FROM t ORDER BY id;
SELECT id, ((-1 / -13) * (b / i)) AS v, (1 / 3) * (b / 7) * 3 AS w FROM t ORDER BY id;
SELECT GREATEST(QUOTE('x'), '-2.25'), LEAST('_a', 'a', 'B'), GREATEST('a', 'B', 'c'), GREATEST('é', 'f'), LEAST('a ', 'A');
SELECT id, CAST(LEAST((b / -13), GREATEST(d, 7)) AS DECIMAL(12,3)) AS v FROM t ORDER BY id;
SELECT id, COALESCE(b / i, d) AS v, COALESCE(b / i, d) * 1000 AS w, IF(id > 1, b / i, d) + 0 AS x FROM t ORDER BY id;
SELECT id, CASE WHEN i = 3 THEN b / i ELSE d END AS v, CASE WHEN i = 3 THEN b / i ELSE d END * 3 AS w FROM t ORDER BY id;
SELECT SECOND(3e10), HOUR(30000000000), SECOND(20240101123456);
SELECT DATE_FORMAT(1, '%Y/%m/%d'), DATE_FORMAT(100, '%Y/%m/%d'), DATE_FORMAT(101, '%Y/%m/%d'), DATE_FORMAT(991231, '%Y/%m/%d'), DATE_FORMAT(700100, '%Y/%m/%d'), DATE_FORMAT(20240115, '%Y/%m/%d'), DATE_FORMAT(240115123456, '%Y/%m/%d %H');
SELECT MONTH(1231), MONTH(99), DAY(5000000), YEAR(691231), YEAR(700101);
SELECT id, IF(id > 1, ROUND(f, 2), SQRT(ABS(d))) AS v, COALESCE(ROUND(f, 2), ROUND(f, 2)) AS w FROM t ORDER BY id;
