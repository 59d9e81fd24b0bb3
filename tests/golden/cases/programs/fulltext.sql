-- Full-text search: relevance, the operators of BOOLEAN MODE, what is refused.
-- setup
CREATE TABLE a (id INT AUTO_INCREMENT PRIMARY KEY, title VARCHAR(200), body TEXT, n INT, FULLTEXT KEY tb (title, body), FULLTEXT KEY b (body));
INSERT INTO a (title, body, n) VALUES ('MySQL Tutorial', 'DBMS stands for DataBase management ...', 1), ('How To Use MySQL Well', 'After you went through a tutorial you can''t stop', 2), ('Optimizing MySQL', 'In this tutorial, we show optimizing and indexing', 3), ('1001 MySQL Tricks', '1. Never run mysqld as root. 2. Be fast_and loose', 4), ('MySQL vs. YourSQL', 'In the following database comparison database ab database', 5), ('MySQL Security', 'When configured properly, MySQL is secure. Café naïve', 6), (NULL, 'nothing here', 7), ('empty', '', 8);
CREATE TABLE m (id INT PRIMARY KEY, t VARCHAR(10) COLLATE utf8mb4_bin, FULLTEXT KEY (t));
INSERT INTO m VALUES (1, 'Word'), (2, 'word');
-- cases
-- each q: database | mysql | mysql database tutorial | secure | cafe naive | can''t | can | fast_and | fast | 1001 | ab | the | nothing empty | DBMS, stands! | optimi
SELECT id, MATCH (title, body) AGAINST ('{q}') AS s FROM a WHERE MATCH (title, body) AGAINST ('{q}');
SELECT id, MATCH (body, title) AGAINST ('{q}' IN NATURAL LANGUAGE MODE) AS s FROM a ORDER BY id;
-- end
-- each q: +mysql -yoursql | +mysql >tutorial <database | mysql ~tutorial | "database comparison" | "the following database" | "following comparison" | "following comparison" @2 | "comparison following" @3 | optim* | +mysql +(>tutorial <secure) | +mysql +the | +mysql +ab | -mysql | "well after" | + yoursql | ++yoursql | yoursql+ | yoursql) | (mysql | +-yoursql | yoursql-secure | * | yoursql @3 | () | ~secure | se* | "the" | +mysql -(secure tutorial) | +mysql -the | mysql the | user@host | tutorial -mysql +optimizing | (tutorial secure) +mysql | >(tutorial secure) +mysql | +"database comparison" -mysql | +mysql* | MySQL
SELECT id, ROUND(MATCH (title, body) AGAINST ('{q}' IN BOOLEAN MODE), 5) AS s FROM a WHERE MATCH (title, body) AGAINST ('{q}' IN BOOLEAN MODE);
-- end
SELECT id, MATCH (body) AGAINST ('database tutorial') AS s FROM a ORDER BY id;
SELECT id, ROUND(MATCH (title, body) AGAINST ('secure' WITH QUERY EXPANSION), 5) AS s FROM a WHERE MATCH (title, body) AGAINST ('secure' WITH QUERY EXPANSION);
SELECT id FROM a WHERE MATCH (title) AGAINST ('mysql');
SELECT id FROM a WHERE MATCH (title, n) AGAINST ('mysql' IN BOOLEAN MODE);
SELECT MATCH (title, body) AGAINST (title) FROM a;
SELECT id FROM m WHERE MATCH (t) AGAINST ('word');
SELECT id FROM a WHERE MATCH (title, body) AGAINST ('tutorial') AND id > 1 LIMIT 1;
SELECT COUNT(*) FROM a WHERE MATCH (title, body) AGAINST ('tutorial');
SELECT id, MATCH (title, body) AGAINST (NULL) AS s FROM a WHERE id = 1;
SELECT MATCH (title, body) AGAINST ('tutorial') > 0.1 AS x, id + 0 FROM a ORDER BY MATCH (title, body) AGAINST ('tutorial') DESC, id;
SELECT id FROM a WHERE NOT MATCH (title, body) AGAINST ('mysql') ORDER BY id;
SELECT id FROM a WHERE MATCH (title, body) AGAINST ('tutorial') OR id = 8 ORDER BY id;
SELECT x.id + 0 FROM a x JOIN a y ON x.id = y.id + 1 WHERE MATCH (x.title, x.body) AGAINST ('tutorial') ORDER BY 1;
SET @q = 'database';
SELECT id FROM a WHERE MATCH (title, body) AGAINST (@q);
PREPARE s FROM 'SELECT id FROM a WHERE MATCH (title, body) AGAINST (? IN BOOLEAN MODE)';
EXECUTE s USING @q;
SET @q = '+secure';
EXECUTE s USING @q;
UPDATE a SET n = 100 WHERE MATCH (title, body) AGAINST ('yoursql');
SELECT id FROM a WHERE n = 100;
DELETE FROM a WHERE MATCH (title, body) AGAINST ('+cafe' IN BOOLEAN MODE);
SELECT id FROM a ORDER BY id;
