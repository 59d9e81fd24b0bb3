-- Expressions that run vectorised over many rows: products wider than 38 digits, averages, parts of dates and texts.
-- setup
CREATE TABLE sales (id INT PRIMARY KEY, price DECIMAL(15,2), discount DECIMAL(15,2), tax DECIMAL(15,2), units INT, wide DECIMAL(30,4), d DATE, t DATETIME(3), phone VARCHAR(20));
INSERT INTO sales VALUES (1, 17.25, 0.04, 0.08, 3, 12345678901234567890.1234, '1995-03-15', '1995-03-15 10:20:30.456', '25-989-741'), (2, -3.99, 0.10, NULL, 7, -99999999999999999999999999.9999, '1996-02-29', '1996-02-29 23:59:59.999', '13-1'), (3, NULL, 0.00, 0.02, NULL, NULL, NULL, NULL, NULL), (4, 9999999999999.99, 0.99, 0.99, 2147483647, 0.0001, '2024-12-31', '2024-12-31 00:00:00', 'é—x'), (5, 0.01, 1.00, 1.00, -5, 1.0000, '1970-01-01', '1970-01-01 00:00:01', '');
-- cases
SELECT SUM(price * (1 - discount) * (1 + tax)) FROM sales;
SELECT id, price * (1 - discount) * (1 + tax) FROM sales ORDER BY id;
SELECT id, price * discount * tax * units FROM sales ORDER BY id;
SELECT id, wide * discount FROM sales ORDER BY id;
SELECT id, wide * 2 * tax FROM sales WHERE id <> 2 ORDER BY id;
SELECT id, price * 100, price + 7, 1000 - price, price / 3, price % 7 FROM sales WHERE id <> 4 ORDER BY id;
SELECT id, 100000 * price FROM sales WHERE id < 3 ORDER BY id;
SELECT AVG(price), AVG(units), AVG(discount), AVG(DISTINCT tax) FROM sales WHERE id <> 4;
SELECT AVG(price), AVG(units) FROM sales WHERE id = 2;
SELECT AVG(price), AVG(units) FROM sales WHERE id = 3;
SELECT AVG(price) FROM sales WHERE id > 100;
SELECT units > 0, AVG(price), AVG(units) FROM sales GROUP BY units > 0 ORDER BY 1;
SELECT id, AVG(units) OVER (ORDER BY id), AVG(price) OVER () FROM sales WHERE id < 3 ORDER BY id;
SELECT 0.2 * AVG(units), AVG(price) * 2, AVG(units) + 1 FROM sales WHERE id < 3;
SELECT id FROM sales WHERE price < (SELECT 0.5 * AVG(price) FROM sales) ORDER BY id;
SELECT SUM(CASE WHEN id < 3 THEN price ELSE 0 END) / SUM(price * (1 - discount)) FROM sales WHERE id <> 4;
SELECT SUM(price) / 7.0 FROM sales WHERE id <> 4;
SELECT id, EXTRACT(YEAR FROM d), EXTRACT(MONTH FROM d), EXTRACT(DAY FROM d), EXTRACT(QUARTER FROM d), EXTRACT(YEAR_MONTH FROM d) FROM sales ORDER BY id;
SELECT id, EXTRACT(HOUR FROM t), EXTRACT(MINUTE FROM t), EXTRACT(SECOND FROM t), EXTRACT(MICROSECOND FROM t) FROM sales ORDER BY id;
SELECT id, EXTRACT(DAY_HOUR FROM t), EXTRACT(DAY_MINUTE FROM t), EXTRACT(DAY_SECOND FROM t), EXTRACT(HOUR_SECOND FROM t), EXTRACT(MINUTE_SECOND FROM t) FROM sales ORDER BY id;
SELECT id, EXTRACT(DAY_MICROSECOND FROM t), EXTRACT(SECOND_MICROSECOND FROM t), EXTRACT(QUARTER FROM t), EXTRACT(YEAR_MONTH FROM t), EXTRACT(WEEK FROM t) FROM sales ORDER BY id;
SELECT id, DATE_FORMAT(d, '%Y-%m'), DATE_FORMAT(t, '%Y-%m-%d %H:%i:%s'), DATE_FORMAT(t, '%M %W %j %T %%'), DATE_FORMAT(d, '%D %e'), DATE_FORMAT(t, '100%x') FROM sales ORDER BY id;
SELECT DATE_FORMAT(d, '%Y-%m') AS month, COUNT(*) FROM sales GROUP BY month ORDER BY month;
SELECT id, d - INTERVAL '90' DAY, d + INTERVAL '1' YEAR, t + INTERVAL '-2' HOUR, t - INTERVAL '3' MONTH, d + INTERVAL '1' MINUTE FROM sales ORDER BY id;
SELECT id, SUBSTRING(phone FROM 1 FOR 2), SUBSTRING(phone, 4), SUBSTRING(phone, -3), SUBSTRING(phone, -3, 2) FROM sales ORDER BY id;
SELECT id, SUBSTRING(phone, 0, 2), SUBSTRING(phone, 2, 0), SUBSTRING(phone, 2, -1), SUBSTRING(phone, -100, 99), SUBSTRING(phone, 100), SUBSTRING(phone, 1, 9999999999) FROM sales ORDER BY id;
SELECT id, SUBSTRING(phone, NULL, 2), SUBSTRING(phone, 1, NULL), SUBSTRING(phone, id, id), SUBSTRING(phone, -id, id), MID(phone, 2, 3) FROM sales ORDER BY id;
SELECT SUBSTRING(phone FROM 1 FOR 2) AS c, COUNT(*) FROM sales WHERE SUBSTRING(phone FROM 1 FOR 2) IN ('13', '25', 'É—') GROUP BY c ORDER BY c;
