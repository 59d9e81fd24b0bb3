"""SHOW CREATE VIEW and information_schema.VIEWS print a view's SELECT as MySQL 8.0 does."""

from __future__ import annotations

from pathlib import Path

from tests.support.schema_session import SchemaSession, with_session

TABLES = (
    "CREATE TABLE a (id INT PRIMARY KEY, x INT, s VARCHAR(20), d DATETIME, j JSON)",
    "CREATE TABLE b (id INT PRIMARY KEY, y INT)",
    "CREATE DATABASE e",
    "CREATE TABLE e.a (id INT PRIMARY KEY)",
)
#: A view's text, and what is shown of it after AS.
SHOWN = [
    ("SELECT * FROM b", "select `b`.`id` AS `id`,`b`.`y` AS `y` from `b`"),
    (
        "SELECT a.id, b.y+1 AS z, 'it''s' FROM a JOIN b ON a.id=b.id AND a.x>1 WHERE a.x IS NOT NULL AND "
        "(b.y IN (1,2) OR b.y NOT IN (3)) AND NOT a.x BETWEEN 1 AND 2",
        "select `a`.`id` AS `id`,(`b`.`y` + 1) AS `z`,'it\\'s' AS `it's` from (`a` join `b` on(((`a`.`id` = `b`.`id`) "
        "and (`a`.`x` > 1)))) where ((`a`.`x` is not null) and ((`b`.`y` in (1,2)) or (`b`.`y` <> 3)) and "
        "(`a`.`x` not between 1 and 2))",
    ),
    (
        "SELECT id, COUNT(*) c, SUM(DISTINCT x) s FROM a GROUP BY id HAVING c>1 ORDER BY c DESC, id LIMIT 2,3",
        "select `a`.`id` AS `id`,count(0) AS `c`,sum(distinct `a`.`x`) AS `s` from `a` group by `a`.`id` having "
        "(`c` > 1) order by `c` desc,`a`.`id` limit 2,3",
    ),
    (
        "SELECT b.y, a.x FROM a LEFT JOIN b USING (id) WHERE s LIKE 'a%' OR s NOT LIKE 'b|%' ESCAPE '|'",
        "select `b`.`y` AS `y`,`a`.`x` AS `x` from (`a` left join `b` on((`a`.`id` = `b`.`id`))) where "
        "((`a`.`s` like 'a%') or (not((`a`.`s` like 'b|%' escape '|'))))",
    ),
    (
        "SELECT b.y FROM a RIGHT JOIN b ON a.id=b.id",
        "select `b`.`y` AS `y` from (`b` left join `a` on((`a`.`id` = `b`.`id`)))",
    ),
    (
        "SELECT a.id, (SELECT MAX(y) FROM b WHERE b.id=a.id) m FROM a WHERE EXISTS (SELECT 1 FROM b) AND id IN "
        "(SELECT y FROM b)",
        "select `a`.`id` AS `id`,(select max(`b`.`y`) from `b` where (`b`.`id` = `a`.`id`)) AS `m` from `a` where "
        "(exists(select 1 from `b`) and `a`.`id` in (select `b`.`y` from `b`))",
    ),
    (
        "SELECT id FROM a UNION SELECT y FROM b UNION ALL SELECT 3 ORDER BY id LIMIT 2",
        "select `a`.`id` AS `id` from `a` union select `b`.`y` AS `y` from `b` union all select 3 AS `3` "
        "order by `id` limit 2",
    ),
    (
        "SELECT CASE x WHEN 1 THEN 'one' ELSE 'o' END c, IF(x>1,'a',NULL) i, CAST(x AS CHAR(3)) h, CAST(x AS SIGNED) n "
        "FROM a",
        "select (case `a`.`x` when 1 then 'one' else 'o' end) AS `c`,if((`a`.`x` > 1),'a',NULL) AS `i`,"
        "cast(`a`.`x` as char(3) charset utf8mb4) AS `h`,cast(`a`.`x` as signed) AS `n` from `a`",
    ),
    (
        "SELECT UCASE(s) u, SUBSTRING(s FROM 2) t, TRIM(LEADING 'x' FROM s) v, DATE_ADD(d, INTERVAL 1 DAY) w, "
        "CURRENT_DATE c, EXTRACT(YEAR FROM d) y, s COLLATE utf8mb4_bin k, s REGEXP 'x' r, j->'$.a' p FROM a",
        "select upper(`a`.`s`) AS `u`,substr(`a`.`s`,2) AS `t`,trim(leading 'x' from `a`.`s`) AS `v`,"
        "(`a`.`d` + interval 1 day) AS `w`,curdate() AS `c`,extract(year from `a`.`d`) AS `y`,"
        "(`a`.`s` collate utf8mb4_bin) AS `k`,regexp_like(`a`.`s`,'x') AS `r`,json_extract(`a`.`j`,'$.a') AS `p` "
        "from `a`",
    ),
    (
        "SELECT t.n FROM (SELECT id n FROM a WHERE x=1) t, b WHERE t.n<>b.y",
        "select `t`.`n` AS `n` from ((select `a`.`id` AS `n` from `a` where (`a`.`x` = 1)) `t` join `b`) where "
        "(`t`.`n` <> `b`.`y`)",
    ),
    (
        "SELECT ROW_NUMBER() OVER (PARTITION BY x ORDER BY id DESC) r, SUM(x) OVER (ORDER BY id ROWS BETWEEN 1 "
        "PRECEDING AND CURRENT ROW) q FROM a",
        "select row_number() OVER (PARTITION BY `a`.`x` ORDER BY `a`.`id` desc ) AS `r`,sum(`a`.`x`) OVER (ORDER BY "
        "`a`.`id` ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) AS `q` from `a`",
    ),
    (
        "WITH RECURSIVE q(n) AS (SELECT 1 UNION ALL SELECT n+1 FROM q WHERE n<5) SELECT n FROM q",
        "with recursive `q` (`n`) as (select 1 AS `1` union all select (`q`.`n` + 1) AS `n+1` from `q` where "
        "(`q`.`n` < 5)) select `q`.`n` AS `n` from `q`",
    ),
    (
        "SELECT GROUP_CONCAT(DISTINCT s ORDER BY s DESC SEPARATOR ';') g FROM a GROUP BY x WITH ROLLUP",
        "select group_concat(distinct `a`.`s` order by `a`.`s` DESC separator ';') AS `g` from `a` group by `a`.`x` "
        "with rollup",
    ),
    (
        "SELECT -x m, ~x, x%2, x DIV 2, (x*2-1)<<1, x XOR 1 FROM a",
        "select -(`a`.`x`) AS `m`,~(`a`.`x`) AS `~x`,(`a`.`x` % 2) AS `x%2`,(`a`.`x` DIV 2) AS `x DIV 2`,"
        "(((`a`.`x` * 2) - 1) << 1) AS `(x*2-1)<<1`,(`a`.`x` xor 1) AS `x XOR 1` from `a`",
    ),
    (
        "SELECT m.id FROM (a m JOIN b ON m.id=b.id) LEFT JOIN a n ON n.id=b.id",
        "select `m`.`id` AS `id` from ((`a` `m` join `b` on((`m`.`id` = `b`.`id`))) left join `a` `n` on("
        "(`n`.`id` = `b`.`id`)))",
    ),
    (
        "SELECT a.id FROM e.a, d.b",
        "select `e`.`a`.`id` AS `id` from (`e`.`a` join `d`.`b`)",
    ),
]


def test_show_create_view(tmp_path: Path) -> None:
    async def work(s: SchemaSession) -> None:
        for sql in TABLES:
            await s.run(sql)
        for text, shown in SHOWN:
            await s.run(f"CREATE OR REPLACE VIEW v AS {text}")
            for again in range(2):
                row = (await s.run("SHOW CREATE VIEW v") or [()])[0]
                body = row[1].partition(" VIEW `v` AS ")[2]
                assert body == shown, (text, again)
                # What is shown makes the same view.
                await s.run(f"CREATE OR REPLACE VIEW v AS {body}")

    with_session(tmp_path, work)


def test_names_of_columns_and_databases(tmp_path: Path) -> None:
    async def work(s: SchemaSession) -> None:
        for sql in TABLES:
            await s.run(sql)
        await s.run("CREATE VIEW v (k) AS SELECT y FROM b x")
        row = (await s.run("SHOW CREATE VIEW v") or [()])[0]
        assert row[1].endswith(" VIEW `v` (`k`) AS select `x`.`y` AS `y` from `b` `x`")
        await s.run("CREATE VIEW w AS SELECT y FROM b")
        await s.run("ALTER TABLE b DROP COLUMN y, ADD z INT")
        # An invalid view is shown as it was written.
        row = (await s.run("SHOW CREATE VIEW w") or [()])[0]
        assert row[1].endswith(" VIEW `w` (`y`) AS SELECT y FROM b")

    with_session(tmp_path, work)
