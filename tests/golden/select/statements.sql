select 1+1, 5-7, 3*4, 7/2, 7 div 2, 7 % 3, -7 % 3, 7 mod 0, 1/0, 5 div 0
select 1/3, 2/3, 10/4, 1.5*2.25, 0.1+0.2, 1e3/7
select '12abc'+1, '3.5'*2, 'abc'+0, '1e2'+0, '  7 '+1
select 7.5 div 2, -7 div 2, 7 div -2, 5.5 % 2, -5.5 % 2
select 1<2, 1=1.0, '1'=1, 'a'='A', 'a'='b', null=null, null<=>null, 1<=>null
select not 1, not 0, not null, 1 and null, 0 and null, 1 or null, 0 or null, 1 xor 1, 1 xor null
select 1 between 0 and 2, 2 not between 0 and 1, null between 1 and 2, 'b' between 'a' and 'c'
select 1 in (1,2), 3 in (1,2), null in (1), 1 in (null, 2), 1 in (null, 1), 'A' in ('a','b')
select 5 & 3, 5 | 3, 5 ^ 3, ~0, 1 << 4, 256 >> 2, 1 << 64, -1 & 255, ~5
select 1 is true, 0 is false, null is unknown, 2 is not true, null is not null
select case when 1 then 'a' else 'b' end, case 2 when 1 then 'x' when 2 then 'y' end, case 9 when 1 then 1 end
select if(1,'t','f'), if(null,1,2), ifnull(null,3), ifnull(1,3), nullif(1,1), nullif(1,2), coalesce(null,null,'z')
select greatest(1,5,3), least(4,2,9), greatest('a','c','b'), greatest(1,null), least(1.5,1)
select abs(-5), abs(-5.5), sign(-3), sign(0), ceil(1.2), ceiling(-1.2), floor(1.8), floor(-1.8)
select round(2.5), round(-2.5), round(1.2345,2), round(1234.5,-2), round(1.5e0), truncate(1.999,2), truncate(-1.999,1), truncate(1999,-2)
select pow(2,10), power(2,-1), sqrt(16), sqrt(-1), exp(0), ln(1), log(100), log10(100), log2(8), log(2,16), ln(0)
select pi(), degrees(pi()), radians(180), sin(0), cos(0), tan(0), atan(1), atan2(1,1), asin(2), acos(1), cot(1)
select mod(10,3), mod(-10,3), mod(10,0), mod(5.5,2)
select conv('ff',16,10), conv(10,10,2), conv('zz',36,10), bin(10), oct(8), hex(255), hex('abc'), unhex('616263'), crc32('abc')
select rand() between 0 and 1, format(1234567.891,2), format(12.5,0), format(-1234.5,1)
select concat('a','b',1), concat('a',null), concat_ws(',','a',null,'b'), concat_ws('-',1,2,3)
select length('héllo'), char_length('héllo'), bit_length('ab'), octet_length('é')
select upper('héllo'), lower('ABC'), ucase('x'), lcase('Y')
select left('hello',2), right('hello',3), substring('hello',2,3), substring('hello',-3), substring('hello' from 2), substr('hello',0,2), mid('hello',2,2)
select trim('  a  '), ltrim('  a'), rtrim('a  '), trim(both 'x' from 'xxaxx'), trim(leading 'x' from 'xxa'), trim(trailing 'x' from 'axx')
select lpad('5',3,'0'), rpad('5',3,'ab'), lpad('hello',3,'x'), lpad('a',4,''), repeat('ab',3), repeat('a',0), space(3), reverse('abc')
select replace('aXbX','X','y'), insert('Quadratic',3,4,'What'), instr('foobar','BAR'), locate('bar','foobarbar'), locate('bar','foobarbar',5), position('b' in 'abc')
select field('b','a','b','c'), elt(2,'a','b','c'), elt(9,'a'), find_in_set('b','a,b,c'), find_in_set('z','a,b'), strcmp('a','b'), strcmp('b','a'), strcmp('A','a')
select ascii('A'), ascii(''), ord('é'), char(65,66), char(256), substring_index('a.b.c','.',2), substring_index('a.b.c','.',-1), substring_index('abc','x',1)
select soundex('hello'), quote("it's"), quote(null), md5('a'), sha1('a'), sha2('a',256), to_base64('abc'), from_base64('YWJj')
select 'abc' like 'A%', 'abc' like '_b_', 'a%c' like 'a\%c', 'abc' like 'a\%c', 'abc' not like 'x%', null like 'a', 'a_c' like 'a|_c' escape '|'
select 'abc' regexp '^a', 'abc' rlike 'B', 'abc' not regexp 'z', regexp_replace('abc','b','X'), regexp_substr('abc123','[0-9]+'), regexp_instr('abc','c')
select export_set(5,'Y','N',',',4), make_set(5,'a','b','c'), bit_count(7), inet_aton('10.0.0.1'), inet_ntoa(167772161)
select cast('12' as signed), cast(-1 as unsigned), cast('1.256' as decimal(5,2)), cast(1.5 as signed), cast(2.5 as signed), cast('abc' as char(2)), cast(123 as char)
select cast('2024-02-30' as date), cast('2024-02-28' as date), cast('2024-01-02 03:04:05' as datetime), cast('10:11:12' as time), cast(20240102 as date)
select cast('abc' as binary(5)) = 'abc', binary 'a' = 'A', convert('5', signed), convert('abc' using utf8mb4), cast(1 as double)
select cast(null as signed), cast('' as signed), cast('1e3' as signed), cast(99.99 as decimal(3,1)), cast(12345.678 as decimal(6,1))
select date('2024-02-29 10:00:00'), time('2024-02-29 10:11:12'), year('2024-02-29'), month('2024-02-29'), day('2024-02-29'), hour('10:11:12'), minute('10:11:12'), second('10:11:12')
select dayofweek('2024-02-29'), dayofyear('2024-03-01'), weekday('2024-02-29'), week('2024-01-07'), week('2024-01-07',1), weekofyear('2024-12-30'), yearweek('2024-01-01'), quarter('2024-05-05')
select dayname('2024-02-29'), monthname('2024-02-29'), last_day('2024-02-10'), to_days('2024-01-01'), from_days(739251), makedate(2024,60), maketime(10,11,12)
select date_add('2024-01-31', interval 1 month), date_sub('2024-03-31', interval 1 month), date_add('2024-01-01', interval 36 hour), '2024-01-01' + interval 1 day, date_add('2024-02-29', interval 1 year)
select date_add('2024-01-01 00:00:00', interval '1:30' hour_minute), date_add('2024-01-01', interval '1 2' day_hour), date_sub('2024-01-01 00:00:00', interval 1 second), adddate('2024-01-01', 10), subdate('2024-01-01', 1)
select datediff('2024-03-01','2024-02-01'), timestampdiff(month,'2024-01-31','2024-02-29'), timestampdiff(day,'2024-01-01','2024-03-01'), timestampdiff(second,'2024-01-01','2024-01-02'), timestampadd(minute,5,'2024-01-01')
select timediff('10:00:00','09:30:00'), addtime('10:00:00','01:00:01'), subtime('10:00:00','00:00:01'), time_to_sec('01:00:01'), sec_to_time(3661), timediff('2024-01-02 00:00:00','2024-01-01 00:00:00')
select date_format('2024-02-29 13:04:05','%Y-%m-%d %H:%i:%s'), date_format('2024-02-09','%W %M %e %y %j'), date_format('2024-02-09 15:00:00','%h %p %r %T'), date_format('2024-01-03','%D %b %a %c'), time_format('10:11:12','%H-%i')
select str_to_date('29/02/2024','%d/%m/%Y'), str_to_date('2024-02-29 10:11','%Y-%m-%d %H:%i'), str_to_date('x','%Y')
select unix_timestamp('2024-01-01 00:00:00'), from_unixtime(0), from_unixtime(1704067200,'%Y'), extract(year from '2024-02-29'), extract(day_hour from '2024-02-29 10:00:00'), microsecond('10:00:00.123456')
select period_add(202401,2), period_diff(202403,202401), date('not a date'), convert_tz('2024-01-01 00:00:00','+00:00','+02:00')
select json_extract('{"a":{"b":[1,2]}}','$.a.b[1]'), json_unquote('"x"'), json_length('[1,2,3]'), json_valid('{}'), json_valid('x'), json_type('[]')
select json_contains('[1,2]','1'), json_keys('{"a":1,"b":2}'), json_value('{"a":5}','$.a')
select * from emp order by id
select name, salary from emp where salary > 4000 order by salary desc, name
select name from emp where name = 'ALICE' order by id
select name from emp where name like 'a%' order by id
select name from emp where hired > '2020-06-01' order by hired
select name from emp where hired between '2019-01-01' and '2020-12-31' order by id
select name from emp where year(hired) = 2020 order by id
select name from emp where boss is null
select name from emp where dept in (1,3) and not active = 0 order by id
select name from emp order by boss, id desc
select name from emp order by boss desc, id
select name from emp order by 1
select name n from emp order by n desc limit 2
select name from emp order by id limit 2, 3
select name from emp order by id limit 2 offset 1
select name from emp order by length(name), name
select distinct dept from emp order by dept
select distinct dept, active from emp order by dept, active
select count(*), count(dept), count(distinct dept), sum(salary), avg(salary), min(salary), max(hired) from emp
select dept, count(*) c, sum(salary) s from emp group by dept order by dept
select dept, count(*) c from emp group by dept having c > 1 order by c desc, dept
select dept, avg(salary) from emp group by dept having avg(salary) > 4500 order by 1
select dept, group_concat(name order by name) from emp group by dept order by dept
select group_concat(distinct dept order by dept desc separator '|') from emp
select year(hired) y, count(*) from emp group by y order by y
select dept, active, count(*) from emp group by dept, active with rollup
select dept, sum(salary) from emp where dept is not null group by dept with rollup
select std(i), variance(i), stddev_samp(i), bit_and(i), bit_or(i), bit_xor(i) from num where id in (1,2)
select sum(i), avg(i), sum(f), avg(f), min(s), max(s), sum(s) from num
select count(*) from emp where 1 = 0
select sum(salary), max(id), group_concat(name) from emp where 1 = 0
select max(salary) - min(salary) from emp
select dept, max(salary) from emp group by dept order by max(salary) desc, dept
select e.name, d.name from emp e join dept d on e.dept = d.id order by e.id
select e.name, d.name from emp e left join dept d on e.dept = d.id order by e.id
select e.name, d.name from emp e right join dept d on e.dept = d.id order by d.id, e.id
select d.name, count(e.id) from dept d left join emp e on e.dept = d.id group by d.id order by d.id
select d.id, d.name, count(*) from dept d join emp e on e.dept = d.id group by d.id order by d.id
select e.name, b.name from emp e join emp b on e.boss = b.id order by e.id
select e.name, d.city from emp e, dept d where e.dept = d.id order by e.id
select count(*) from emp cross join dept
select * from dept join (select dept id, count(*) c from emp group by dept) x using (id) order by id
select id, name from emp natural join dept order by id
select e.name from emp e straight_join dept d on d.id = e.dept where d.city = 'PARIS' order by e.id
select e.id, d.id, b.id from emp e left join (dept d join emp b on b.dept = d.id and b.id = 1) on e.dept = d.id order by e.id
select name from emp where salary > (select avg(salary) from emp) order by id
select name from emp e where exists (select 1 from emp x where x.boss = e.id) order by id
select name from emp e where not exists (select 1 from emp x where x.boss = e.id) order by id
select name from dept where id not in (select dept from emp where dept is not null)
select name from dept where id not in (select dept from emp)
select name from emp where (dept, active) in (select 1, 1) order by id
select name from emp where (dept, active) = (1, 1) order by id
select name from emp where salary >= all (select salary from emp where salary is not null) order by id
select name from emp where salary < any (select salary from emp where dept = 2) order by id
select name, (select count(*) from emp x where x.boss = e.id) n from emp e order by id
select name, (select d.name from dept d where d.id = e.dept) from emp e order by id
select * from (select dept, count(*) c from emp group by dept) t where c > 1 order by dept
select 1 union select 1 union select 2 order by 1
select 1 union all select 1
select name from dept union select name from emp order by name
select id from emp except select id from dept order by id
select id from emp intersect select id from dept order by id
select count(*) from (select 'a' x union select 'A') q
select 1 a union select 'x' order by a
select 1 union select 2.5 union select null order by 1
(select id from emp order by id desc limit 1) union all (select id from dept order by id limit 1)
(select 1) order by 1 limit 1
with x as (select dept, count(*) c from emp group by dept) select * from x where c = 2 order by dept
with a as (select 1 n), b as (select n+1 m from a) select * from a, b
with recursive c as (select 1 n union all select n+1 from c where n < 5) select sum(n), count(*) from c
with recursive t (id, name, lvl) as (select id, name, 0 from emp where boss is null union all select e.id, e.name, t.lvl+1 from emp e join t on e.boss = t.id) select * from t order by lvl, id
with recursive c as (select 1 n union select (n+1) % 4 from c) select n from c order by n
select name, row_number() over (order by salary desc, id) from emp order by id
select name, rank() over (order by salary desc), dense_rank() over (order by salary desc) from emp order by id
select id, sum(salary) over (partition by dept order by id) from emp order by id
select id, lag(name) over (order by id), lead(name,1,'none') over (order by id) from emp order by id
select id, first_value(name) over (partition by dept order by id), ntile(2) over (order by id) from emp order by id
select id, avg(salary) over (order by id rows between 1 preceding and 1 following) from emp order by id
select id, count(*) over (), sum(id) over w from emp window w as (order by id) order by id
select dept, sum(count(*)) over (order by dept) from emp group by dept order by dept
select id, cume_dist() over (order by id), percent_rank() over (order by id) from emp order by id
select * from num order by id
select i+1, u, b, d*2, f*2, s from num order by id
select i/2, f/3, i div 2, i % 3, -d, abs(f) from num order by id
select id from num where s = 0 order by id
select id from num where s = 12
select id from num where i = '7'
select id from num where i > '5abc' order by id
select id from num where u > 9223372036854775807
select s+0, s*1.5 from num order by id
select i is null, isnull(i), ifnull(i, 0), coalesce(i, d, f) from num order by id
select round(d), round(d, 1), truncate(d, 2), ceil(d), floor(d) from num order by id
select cast(d as signed), cast(f as signed), cast(s as decimal(10,2)), cast(i as char), concat(d, '') , concat(f, '') from num order by id
select sum(d), sum(d*2), avg(f) from num
select sum(b) from num
select max(u), min(b) from num
select * from tm order by id
select id, d + interval 1 day, dt - interval 1 hour, date(dt), time(dt) from tm order by id
select id, year(d), month(d), dayname(d), unix_timestamp(dt) from tm order by id
select id from tm where dt > '2024-01-01' order by id
select id from tm where d = '2024-02-29'
select id from tm where d = 20240229
select id from tm where dt = '2024-03-01'
select id from tm where t > '10:00:00' order by id
select id from tm where y = 2024
select t, hour(t), time_to_sec(t), addtime(t, '01:00:00') from tm order by id
select d+0, dt+0, t+0 from tm order by id
select datediff(d, '2024-01-01'), timestampdiff(year, d, '2024-12-31') from tm order by id
select date_format(dt, '%Y/%m'), count(*) from tm group by 1 order by 1
select max(d), min(t), max(df) from tm
select concat(d), concat(dt), concat(t), concat(df) from tm order by id
select least(d, '2020-01-01') from tm where id = 1
select * from str order by id
select id from str where v = 'hello world'
select id from str where v = 'HÉLLO'
select id from str where v = 'hello'
select id from str where cs = 'hello'
select id from str where e = 'large' order by id
select id from str where e = 3 order by id
select id from str where e > 1 order by id
select id, e+0, st+0 from str order by id
select id from str order by e, id
select id from str where find_in_set('a', st) order by id
select id from str where v like '%\%'
select id from str where c = 'abc' order by id
select c, count(*) from str group by c order by c
select cs, count(*) from str group by cs order by cs
select v from str order by v
select cs from str order by cs
select hex(bn), length(bn) from str order by id
select id from str where bn = 'a'
select upper(v), length(v), char_length(v) from str order by id
select id from str where t = 'some text' order by id
select distinct c from str order by c
select id from str where v = ''
select concat(v, '|', ifnull(c, 'none')) from str order by id
select v collate utf8mb4_bin = 'hello world' from str where id = 1
select id from str where v regexp 'world$'
select a, b, a = b, a <=> b, a <> b, a + b, a and b, a or b from nul order by a, b
select count(a), count(*), sum(a), avg(b) from nul
select * from nul where a = null
select * from nul where not (a = 1)
select * from nul where a <=> null order by b
select a from nul group by a order by a
select coalesce(a, b, 0) x from nul order by x
select 1 from dual where null
select 1 where 1
select name as 'the name' from emp where id = 1
select emp.* , 1 from emp where id = 1
select e.id eid, e.* from emp e where e.id = 2
select count(*) from emp where active
select name from emp where active = true and dept order by id
select if(salary > 4000, 'high', 'low') k, count(*) from emp group by k order by k
select case dept when 1 then 'one' when 2 then 'two' else 'other' end c from emp order by id
select dept+1 d, count(*) from emp group by dept+1 order by d
select count(*) from emp group by dept order by count(*) desc, dept
select 1 from emp having count(*) > 3
select max(id) from emp having max(id) > 100
select id from emp where id = 2 for update
select name from emp where dept = 1 order by id for update
select count(*) from emp where salary is null lock in share mode
select sum(distinct dept), avg(distinct dept), count(distinct name) from emp
select any_value(1)
select database()
select 'a' 'b', "double", 'it''s', 'back\\slash', 'tab\tx'
select 0x41, x'4142', b'1000001', 0x41+0
select true, false, true+true
select -(-5), - 5, +5, !0
select 1.0, 1.10, 1e0, 1.5e3, .5
select 18446744073709551615, 9223372036854775807, -9223372036854775808
select 18446744073709551615 + 0, 9223372036854775807 - 1
select 9999999999999999999999 + 1
select nosuch from emp
select emp.nosuch from emp
select x.id from emp
select id from emp, dept
select * from nosuch
select * from nodb.tbl
select name, count(*) from emp group by dept
select name, count(*) from emp
select (select id from emp)
select (select id, name from emp limit 1)
select 1 from emp where id = (select id from emp)
select 1 in (select 1, 2)
select id from emp where sum(id) > 1
select count(*) from emp group by count(*)
select 1 union select 1, 2
select * from (select 1)
select * from emp e join emp e on 1
select nosuch(1)
select substring_index('a')
select id from emp order by nosuch
select id from emp group by nosuch
select id from emp having nosuch > 1
select id from emp where nosuch = 1
select 9223372036854775807 + 1
select cast(1 as unsigned) - 2
select *
select x.* from emp
select * from (select 1 a, 2 a) x
select id from emp order by 9
select (1,2) = 1
select concat()
select row_number() over w from emp
select left('abc', null), repeat('a', null), 1 << null, right('abc', -1)
select json_extract('x', '$.a')
select json_extract('{}', 'a')
select 'a' regexp '('
select cast('x' as json)
select count(*) from emp where name in ('ALICE', 'BOB')
select id from emp where id in ('1', '2x') order by id
select id from emp where hired in ('2020-01-15', '2021-03-01') order by id
select id from emp where hired = '2020-1-15'
select id from emp where salary = '5000' order by id
select id from emp where salary in (5000, 4000.5) order by id
select 'a' < 'B', 'Z' > 'a', 'a ' = 'a', binary 'a ' = 'a'
select count(*) from emp a join emp b on a.dept <=> b.dept
select e.dept, d.name from emp e left join dept d using (id) where d.id is null order by e.id
select * from dept d where 2 < (select count(*) from emp where dept >= d.id) order by id
select (select max(salary) from emp where dept = d.id) m, d.id from dept d having m is not null order by m, id
select a.dept, (select count(*) from emp b where b.dept = a.dept) c from emp a group by a.dept order by a.dept
select dept d, max(salary) m from emp group by d having m > 3000 and d is not null order by d
select count(*) c from emp group by dept, active having c = 1 order by dept, active
select dept, count(*) from emp group by 1 order by 2 desc, 1
select upper(name) n, count(*) from emp group by upper(name) order by n
select substring(name,1,1) f, count(*) c from emp group by substring(name,1,1) having c > 1
select * from (select 1 a union all select 2 union all select 3) x where a > 1 order by a
select * from (select id, name from emp order by salary desc limit 2) t order by id
select (select name from emp order by id limit 1)
select exists(select 1 from emp where id = 99), not exists(select 1)
select e.id, x.c from emp e join (select dept, count(*) c from emp group by dept) x on x.dept = e.dept where x.c = 2 order by e.id
select sum(case when active then 1 else 0 end) a, sum(if(active, 0, 1)) b from emp
select dept, sum(salary) s, sum(sum(salary)) over () t from emp group by dept order by dept
select id, max(salary) over (partition by dept) - salary diff from emp order by id
select id from emp order by rand() limit 0
select now() > '2020-01-01', curdate() = date(now()), length(uuid())
select connection_id() > 0, last_insert_id(), row_count() is not null
select coalesce(salary, 'none') from emp where id = 4
select concat(id, ':', name, ':', ifnull(salary, '-')) from emp order by id
select round(avg(salary), 2), format(sum(salary), 2) from emp
select min(name), max(name) from emp
select avg(dept), avg(id) from emp
select salary / id, salary * 1.1, salary - 0.01 from emp where salary is not null order by id
select id % 2 odd, count(*) from emp group by odd with rollup
select datediff(max(hired), min(hired)) from emp
select id from emp where hired + interval 1 year < '2021-06-01' order by id
select * from emp e where (e.dept, e.salary) in (select dept, max(salary) from emp group by dept) order by id
select distinct upper(name) from emp order by 1
select count(distinct upper(name), dept) from emp
select name from emp where binary name = 'alice'
select 1 = any (select 1), 2 > all (select 3), 1 <> all (select 2)
select nullif('a', 'A'), 'abc' = 'ABC ', strcmp('a', 'a ')
select interval(5, 1, 10), benchmark(1, 1), sleep(0.001)
select if(1 < 2, 1, 'a'), case when 0 then 1 else 'b' end, ifnull(null, 1.5)
select char_length(space(3)), concat(1.0, 2.50), concat(1e3), concat(true)
select 3 = 3.0, '3' = 3.0, '03' = 3, 0 = 'a', '' = 0
select 10 between '9' and '11', 'b' in ('A','B')
select substr('abc', -2, 1), substring('abc', 10), left('abc', 0), mid('abc', 2, 1)
select lower(name) x from emp union select lower(name) from dept order by x limit 3
select sum(id)/count(*), sum(salary)/count(*), sum(salary)*1.1, sum(salary)/sum(id), avg(salary)*2, sum(id)*2 from emp
select dept, sum(salary)*100/(select sum(salary) from emp) pct from emp group by dept order by dept
select round(sum(salary)/count(*), 2), round(sum(id)*100.0/count(*), 1) from emp
select sum(salary*id), sum(salary)+1, sum(id)-0.5, max(salary)*1.05, count(*)*1.5 from emp
select i*d, d*d, d+i, d-i, i*1.5, f+1, f*d, u div 2, b div 2 from num where id in (1,2) order by id
select group_concat(name order by salary desc, id separator ', ') from emp group by active order by 1
select group_concat(distinct upper(name) order by upper(name)) from emp
select json_extract('[1,"a",null,true,{"k":1.5}]', '$[1]', '$[4].k'), json_array(1,'a',null,true), json_object('a',1,'b',null)
select json_set('{"a":1}','$.b',2), json_insert('{"a":1}','$.a',2), json_replace('{"a":1}','$.a',2), json_remove('{"a":1,"b":2}','$.a')
select json_merge_patch('{"a":1}','{"b":2}'), json_quote('a"b'), json_depth('[[1]]'), json_search('["a","b"]','one','b')
select date_add(d, interval id day), date_sub(dt, interval 15 minute), adddate(d, interval 1 week) from tm order by id
select d - interval 1 month, last_day(d), dayofmonth(d), to_days(d) from tm order by id
select str_to_date(date_format(d, '%d.%m.%Y'), '%d.%m.%Y') from tm order by id
select if(d > '2000-01-01', 'new', 'old') from tm order by id
select id from tm where d in ('2024-02-29', '1999-12-31') order by id
select id from tm where d between '2024-01-01' and '2024-02-29'
select id from tm where date(dt) = '2024-02-29'
select ifnull(d, 'none'), coalesce(t, '00:00:00'), case when y > 2000 then d else dt end from tm order by id
select v like 'H%', v not like '%o%', v regexp '[0-9]' from str order by id
select replace(v, 'l', 'L'), left(v, 3), lpad(id, 3, '0'), concat_ws('-', v, c, e) from str order by id
select e, count(*) from str where e is not null group by e order by e
select max(e), min(e), max(st) from str
select st from str where st like '%a%' order by id
select field(v, 'héllo', 'Hello World'), instr(v, 'o'), locate('L', v) from str order by id
select cs = v, cs like 'h%', v like 'h%' from str order by id
select case e when 'small' then 's' when 'LARGE' then 'l' end from str order by id
select count(*) from (select t from str union select c from str) q
select a.id, b.id from str a join str b on a.c = b.c where a.id < b.id
select a.id, b.id from str a join str b on a.cs = b.cs and a.id < b.id
select sum(i) over (order by id rows unbounded preceding), min(i) over (partition by i is null order by id) from num order by id
select distinct name from emp order by length(name), name
select distinct e.dept, active from emp e order by e.dept + active, dept, active desc
select distinct dept from emp where dept is not null order by -dept
select d/3, d/7, -d/3, i/3, i/-3, d/d, d/0, 1/d, d/0.001 from num order by id
select salary/3, salary/7, salary/id, sum(salary) over ()/7 from emp order by id
select 5/9, 1/6, -1/6, 2/0.3, 0.5/1.5
