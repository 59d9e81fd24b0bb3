-- Implicit conversion: every operator on every pair of argument types.
-- each a: 1 | -1 | 1.5 | 2.5e0 | '3' | '1.5abc' | 'abc' | NULL | TRUE | 18446744073709551615 | DATE'2020-02-29' | TIME'10:11:12' | TIMESTAMP'2020-02-29 10:11:12' | x'31'
-- each b: 2 | 0 | -0.25 | 3e0 | '2' | '' | NULL | DATE'2020-02-29'
-- each op: + | - | * | / | DIV | %
SELECT {a} {op} {b};
-- end
-- each a: 1 | 0 | 1.5 | 2e0 | '1' | '1abc' | 'a' | '' | NULL | TRUE | DATE'2020-02-29' | TIMESTAMP'2020-02-29 00:00:00'
-- each b: 1 | 0 | 1.50 | '1' | 'A' | NULL | FALSE | '2020-02-29' | 20200229
-- each op: = | <=> | < | >= | <>
SELECT {a} {op} {b};
-- end
-- each a: 0 | 2 | 0.4 | 0.0 | 1e-3 | 'a' | '0' | '0.5' | '' | NULL | DATE'2020-02-29' | TIME'00:00:00'
-- each f: NOT {a} | {a} AND 1 | {a} OR 0 | {a} XOR 1 | {a} IS TRUE | {a} IS NOT FALSE | {a} IS UNKNOWN | IF({a}, 'y', 'n') | CASE WHEN {a} THEN 1 ELSE 2 END | !{a} | -{a} | ~{a} | {a} & 7 | {a} | 8 | {a} ^ 3 | {a} << 2 | {a} >> 1
SELECT {f};
-- end
