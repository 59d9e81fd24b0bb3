-- String functions: every function on texts, numbers, NULL, accents and boundaries.
-- each a: 'hello' | 'Héllo Wörld' | '' | '  pad  ' | 'a,b,,c' | 123 | -4.50 | 1e20 | NULL | DATE'2020-02-29' | TRUE | '日本語'
-- each f: LENGTH({a}) | CHAR_LENGTH({a}) | BIT_LENGTH({a}) | UPPER({a}) | LOWER({a}) | REVERSE({a}) | TRIM({a}) | LTRIM({a}) | RTRIM({a}) | HEX({a}) | TO_BASE64({a}) | ASCII({a}) | ORD({a}) | QUOTE({a}) | SOUNDEX({a}) | LEFT({a}, 3) | RIGHT({a}, 3) | SUBSTRING({a}, 2, 3) | SUBSTRING({a}, -2) | LPAD({a}, 8, 'xy') | RPAD({a}, 8, 'xy') | REPEAT({a}, 2) | REPLACE({a}, 'l', 'L') | INSERT({a}, 2, 2, 'ZZ') | INSTR({a}, 'L') | LOCATE('o', {a}) | CONCAT({a}, '!') | CONCAT_WS('-', {a}, 1, NULL, 'z') | FIELD({a}, 'hello', 123, 'x') | FIND_IN_SET('b', {a}) | SUBSTRING_INDEX({a}, 'l', 1) | STRCMP({a}, 'hello') | MD5({a}) | SHA1({a}) | SHA2({a}, 256) | CRC32({a}) | MAKE_SET(5, {a}, 'b', 'c') | EXPORT_SET(5, {a}, '0', ',', 4) | ELT(1, {a}, 'q') | UNHEX({a}) | FORMAT({a}, 2) | CONV({a}, 10, 16) | {a} LIKE '%l%' | {a} LIKE 'h_llo' | {a} REGEXP '^h' | {a} NOT LIKE '1%'
SELECT {f};
-- end
-- each n: -3 | -1 | 0 | 1 | 2 | 5 | 6 | 100 | NULL | '2' | 2.5 | 'x'
-- each f: LEFT('hello', {n}) | RIGHT('hello', {n}) | SUBSTRING('hello', {n}) | SUBSTRING('hello', {n}, 2) | SUBSTRING('hello', 2, {n}) | LPAD('hello', {n}, '*') | RPAD('hello', {n}, '') | REPEAT('ab', {n}) | SPACE({n}) | INSERT('hello', {n}, 2, 'X') | INSERT('hello', 2, {n}, 'X') | LOCATE('l', 'hello', {n}) | SUBSTRING_INDEX('a.b.c', '.', {n}) | ELT({n}, 'a', 'b') | CHAR({n}) | FORMAT(1234.5, {n}) | MID('hello', {n}, 3)
SELECT {f};
-- end
SELECT TRIM(BOTH 'x' FROM 'xxaxx'), TRIM(LEADING 'x' FROM 'xxaxx'), TRIM(TRAILING 'x' FROM 'xxaxx'), TRIM('xy' FROM 'xyaxyxy');
SELECT CHAR(77, 121, 83, 81, '76'), CHAR(65 USING utf8mb4), CHAR(NULL, 66), HEX(CHAR(256)), HEX(CHAR(1, 0));
SELECT CONCAT_WS(NULL, 'a', 'b'), CONCAT_WS('', 'a', 'b'), CONCAT(NULL), CONCAT(1, 2.5, 'a'), CONCAT('a', NULL, 'b');
SELECT FIELD('b', 'a', 'B'), FIELD(2, 1, 2), FIELD('2', 1, 2), FIELD(NULL, NULL), FIELD(1.5, 1, 1.5);
SELECT FIND_IN_SET('', ''), FIND_IN_SET('a', ''), FIND_IN_SET('a,b', 'a,b'), FIND_IN_SET(NULL, 'a'), FIND_IN_SET('B', 'a,b');
SELECT 'a' LIKE 'A', 'a' LIKE BINARY 'A', 'a%' LIKE 'a\%', 'ab' LIKE 'a\%', 'a_b' LIKE 'a|_b' ESCAPE '|', 'é' LIKE 'e', '' LIKE '', 'a' LIKE '', 'ab' LIKE '_', NULL LIKE 'a', 'a' LIKE NULL, 12 LIKE 1, 12 LIKE '1%';
SELECT 'abc' REGEXP 'B', 'abc' RLIKE '^a.c$', 'abc' NOT REGEXP 'x', REGEXP_INSTR('dog cat dog', 'dog', 2), REGEXP_SUBSTR('abc def ghi', '[a-z]+', 1, 3), REGEXP_REPLACE('a b c', 'b', 'X'), REGEXP_REPLACE('abc', '(a)(b)', '\\2\\1');
SELECT REGEXP_LIKE('abc', 'ABC'), REGEXP_LIKE('abc', 'ABC', 'c'), REGEXP_LIKE('a\nb', '^b$', 'm'), REGEXP_LIKE(NULL, 'a'), REGEXP_LIKE('a', NULL);
SELECT 'a' REGEXP '[', 'a' REGEXP '(';
SELECT STRCMP('a', 'b'), STRCMP('b', 'a'), STRCMP('a', 'A'), STRCMP('a', 'a '), STRCMP(NULL, 'a'), STRCMP(10, 9);
SELECT UNHEX('4D7953514C'), UNHEX('GG'), UNHEX('F'), UNHEX(NULL), UNHEX('');
SELECT FROM_BASE64('aGVsbG8='), FROM_BASE64('*'), TO_BASE64('hello world hello world hello world hello world hello world hello world');
SELECT SUBSTRING_INDEX('www.mysql.com', '.', 2), SUBSTRING_INDEX('www.mysql.com', '.', -2), SUBSTRING_INDEX('www.mysql.com', '', 1), SUBSTRING_INDEX('aXbxc', 'x', 1), SUBSTRING_INDEX('a--b--c', '--', -1);
SELECT INET_ATON('10.0.5.9'), INET_NTOA(167773449), INET_ATON('x'), INET_ATON('1.2'), INET_NTOA(-1), HEX(INET6_ATON('fdfe::5a55:caff:fefa:9089')), INET6_NTOA(INET6_ATON('::1')), IS_IPV4('10.0.0.1'), IS_IPV6('::1'), IS_IPV4('x');
SELECT QUOTE('it''s'), QUOTE('a\\b'), QUOTE('a\0b'), QUOTE(NULL), QUOTE(5);
SELECT ORD('é'), ORD(''), ASCII('é'), ORD('日'), ASCII(NULL);
SELECT WEIGHT_STRING('a') = WEIGHT_STRING('A'), HEX(WEIGHT_STRING(NULL));
SELECT 'a' 'b' 'c', "x" 'y', N'nat', _utf8mb4'intro', _binary'bin', 'a\tb\n\\\'"', 'a''b', '\%\_', x'4142', 0x4142, b'1000001', 0b1;
SELECT 'abc' || 'def', 'a' && 'b', 1 || 0, NULL || 1, 0 || NULL;
SELECT LENGTH(UUID()), UUID() <> UUID(), IS_UUID('6ccd780c-baba-1026-9564-5b8c656024db'), IS_UUID('x'), IS_UUID(NULL), HEX(UUID_TO_BIN('6ccd780c-baba-1026-9564-5b8c656024db')), BIN_TO_UUID(UUID_TO_BIN('6ccd780c-baba-1026-9564-5b8c656024db', 1), 1);
SELECT FORMAT(12332.1, 4), FORMAT(12332.2, 0), FORMAT(-0.5, 0), FORMAT(0.5, 0), FORMAT(1e15, 1), FORMAT('1234x', 1), FORMAT(12332.2, 2, 'de_DE'), FORMAT(NULL, 1), FORMAT(999999999999999999.99, 2);
SELECT CHARSET('a'), COLLATION('a'), CHARSET(1), COLLATION(1), CHARSET(x'41'), COERCIBILITY('a' COLLATE utf8mb4_bin), COERCIBILITY('a'), COERCIBILITY(NULL), COERCIBILITY(1), COERCIBILITY(USER());
SELECT LOAD_FILE('/nonexistent'), BENCHMARK(1, 1), SLEEP(0), NAME_CONST('x', 5);
