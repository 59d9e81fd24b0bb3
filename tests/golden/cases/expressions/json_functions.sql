-- JSON functions over documents, paths and mistakes.
-- each d: '{"a": 1, "b": [1, 2, {"c": "x"}], "k": null}' | '[1, "two", 3.5, true, null, {"z": []}]' | '"text"' | '17' | '[]' | '{}' | NULL
-- each f: JSON_VALID({d}) | JSON_TYPE({d}) | JSON_LENGTH({d}) | JSON_DEPTH({d}) | JSON_KEYS({d}) | JSON_EXTRACT({d}, '$') | JSON_EXTRACT({d}, '$.a') | JSON_EXTRACT({d}, '$.b[1]') | JSON_EXTRACT({d}, '$.b[*]') | JSON_EXTRACT({d}, '$**.c') | JSON_EXTRACT({d}, '$[0]') | JSON_EXTRACT({d}, '$.*') | JSON_EXTRACT({d}, '$.a', '$.k') | JSON_UNQUOTE({d}) | JSON_UNQUOTE(JSON_EXTRACT({d}, '$.b[2].c')) | JSON_QUOTE({d}) | JSON_CONTAINS({d}, '1', '$.a') | JSON_CONTAINS({d}, '1') | JSON_CONTAINS({d}, '{"a": 1}') | JSON_CONTAINS_PATH({d}, 'one', '$.a', '$.zz') | JSON_CONTAINS_PATH({d}, 'all', '$.a', '$.zz') | JSON_SEARCH({d}, 'one', 'x') | JSON_SEARCH({d}, 'all', 't%') | JSON_SET({d}, '$.a', 2) | JSON_SET({d}, '$.b[1]', 'q', '$.new', JSON_ARRAY(1)) | JSON_INSERT({d}, '$.a', 2, '$.n', TRUE) | JSON_REPLACE({d}, '$.a', 'r', '$.n', 1) | JSON_REMOVE({d}, '$.a') | JSON_REMOVE({d}, '$.b[0]') | JSON_ARRAY_APPEND({d}, '$.b', 9) | JSON_ARRAY_APPEND({d}, '$', 9) | JSON_ARRAY_INSERT({d}, '$[0]', 'first') | JSON_MERGE_PRESERVE({d}, '[7]') | JSON_MERGE_PATCH({d}, '{"a": null, "n": 1}') | JSON_PRETTY({d}) | JSON_VALUE({d}, '$.a')
SELECT {f};
-- end
-- each v: 1 | 'a"b' | NULL | 2.50 | 1e3 | TRUE | DATE'2020-02-29' | TIMESTAMP'2020-02-29 10:00:00' | TIME'10:00:00' | '{"x": 1}' | JSON_OBJECT('x', 1)
SELECT JSON_ARRAY({v}, 'z');
SELECT JSON_OBJECT('k', {v});
SELECT JSON_QUOTE(CAST({v} AS CHAR));
-- end
SELECT JSON_VALID('{'), JSON_VALID(''), JSON_VALID('nul'), JSON_VALID(1), JSON_VALID('01'), JSON_VALID('"\\u00e9"');
SELECT JSON_EXTRACT('{', '$.a');
SELECT JSON_EXTRACT('{"a":1}', 'a');
SELECT JSON_EXTRACT('{"a":1}', '$.');
SELECT JSON_SET('{"a":1}', '$.*', 1);
SELECT JSON_OBJECT('a');
SELECT JSON_OBJECT(NULL, 1);
SELECT JSON_REMOVE('{"a":1}', '$');
SELECT JSON_CONTAINS_PATH('{"a":1}', 'some', '$.a');
SELECT JSON_UNQUOTE('"a\\tb\\u0041"'), JSON_UNQUOTE('abc'), JSON_UNQUOTE('"abc'), JSON_QUOTE('null'), JSON_QUOTE('"q"');
SELECT JSON_EXTRACT('[1, [2, 3]]', '$[1][0]'), JSON_EXTRACT('[1,2,3,4]', '$[last]'), JSON_EXTRACT('[1,2,3,4]', '$[last-1]'), JSON_EXTRACT('[1,2,3,4]', '$[1 to 2]'), JSON_EXTRACT('{"a b": 1}', '$."a b"');
SELECT JSON_OVERLAPS('[1,2]', '[2,3]'), JSON_OVERLAPS('{"a":1}', '{"a":1,"b":2}'), JSON_OVERLAPS('1', '[1]');
SELECT JSON_SEARCH('["abc", [{"k": "10"}, "def"], {"x":"abc"}]', 'all', 'abc'), JSON_SEARCH('["abc"]', 'one', 'a_c'), JSON_SEARCH('["a%c"]', 'one', 'a|%c', '|'), JSON_SEARCH('["abc"]', 'all', 'abc', NULL, '$[0]');
SELECT JSON_MERGE_PATCH('{"a":1,"b":{"c":2}}', '{"b":{"c":null,"d":3}}'), JSON_MERGE_PATCH('[1]', '{"a":1}'), JSON_MERGE_PRESERVE('1', '{"a":1}'), JSON_MERGE_PRESERVE('{"a":1}', '{"a":2}');
SELECT JSON_LENGTH('{"a":[1,2,3]}', '$.a'), JSON_LENGTH('{"a":1}', '$.x'), JSON_KEYS('{"a":{"b":1}}', '$.a'), JSON_KEYS('[1]');
SELECT JSON_COMPACT('{"a" : 1}'), JSON_LOOSE('{"a":1}');
-- setup
CREATE TABLE j (id INT PRIMARY KEY, d JSON, t TEXT);
INSERT INTO j VALUES (1, '{"name": "Ann", "age": 30, "tags": ["x", "y"]}', '{"p": 1}'), (2, '{"name": "bob", "age": 25.5, "tags": []}', '[1,2]'), (3, '{"age": null}', NULL), (4, NULL, '"s"'), (5, '[10, 20]', '7');
-- cases
SELECT id, JSON_EXTRACT(d, '$.name'), JSON_UNQUOTE(JSON_EXTRACT(d, '$.name')), JSON_EXTRACT(d, '$.tags[0]') FROM j ORDER BY id;
SELECT id FROM j WHERE JSON_EXTRACT(d, '$.age') > 26 ORDER BY id;
SELECT id FROM j WHERE JSON_EXTRACT(d, '$.name') = 'Ann' ORDER BY id;
SELECT id FROM j WHERE JSON_UNQUOTE(JSON_EXTRACT(d, '$.name')) = 'ANN' ORDER BY id;
SELECT id FROM j WHERE JSON_CONTAINS(d, '"x"', '$.tags') ORDER BY id;
SELECT id, JSON_LENGTH(d), JSON_TYPE(d), JSON_VALID(t), JSON_TYPE(t) FROM j ORDER BY id;
SELECT JSON_ARRAYAGG(id) FROM j;
SELECT JSON_ARRAYAGG(JSON_EXTRACT(d, '$.age')) FROM j WHERE id < 3;
SELECT JSON_OBJECTAGG(id, t) FROM j;
SELECT JSON_ARRAYAGG(id) FROM j WHERE id > 99;
SELECT id % 2 AS g, JSON_ARRAYAGG(id), JSON_OBJECTAGG(id, id * 2) FROM j GROUP BY g ORDER BY g;
SELECT j.id, x.* FROM j, JSON_TABLE(j.d, '$.tags[*]' COLUMNS (n FOR ORDINALITY, v VARCHAR(10) PATH '$')) AS x ORDER BY j.id, n;
SELECT * FROM JSON_TABLE('[{"a": 1, "b": "x"}, {"a": "2", "c": [1, 2]}, {"b": 3.7}]', '$[*]' COLUMNS (id FOR ORDINALITY, a INT PATH '$.a', b VARCHAR(3) PATH '$.b', e INT EXISTS PATH '$.c')) t;
SELECT * FROM JSON_TABLE('[{"a": 1}, {"a": "zz"}, {}]', '$[*]' COLUMNS (a INT PATH '$.a' DEFAULT '7' ON EMPTY DEFAULT '9' ON ERROR)) t;
SELECT * FROM JSON_TABLE('[{"a": 1, "n": [{"b": 1}, {"b": 2}]}, {"a": 2, "n": []}]', '$[*]' COLUMNS (a INT PATH '$.a', NESTED PATH '$.n[*]' COLUMNS (o FOR ORDINALITY, b INT PATH '$.b'))) t;
SELECT * FROM JSON_TABLE('[{"a": 1}]', '$[*]' COLUMNS (a INT PATH '$.zz' ERROR ON EMPTY)) t;
SELECT * FROM JSON_TABLE('{"x": [1, 2, 3]}', '$.x[*]' COLUMNS (v DECIMAL(5,2) PATH '$')) t WHERE v > 1 ORDER BY v DESC;
SELECT COUNT(*) FROM JSON_TABLE('[]', '$[*]' COLUMNS (a INT PATH '$')) t;
SELECT j.id, t.v FROM j LEFT JOIN JSON_TABLE(j.d, '$.tags[*]' COLUMNS (v VARCHAR(5) PATH '$')) t ON 1 ORDER BY j.id, t.v;
