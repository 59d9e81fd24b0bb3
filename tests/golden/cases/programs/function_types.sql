-- Parameters and results of every type.
-- setup
SET sql_mode = '';
create table d (id int primary key, a date, b datetime, c timestamp null);
insert into d values (1,'0000-00-00','0000-00-00 00:00:00',null),(2,'2024-00-10','2024-05-00 01:02:03','2024-01-01 00:00:00');
-- cases
create function fd(x date) returns date deterministic return x;
create function fdt(x datetime) returns datetime deterministic return x;
create function ft(x date) returns varchar(30) deterministic return concat('<', x, '>');
select id, fd(a), fdt(b), ft(a) from d;
select fd('0000-00-00'), fdt('2024-00-00');
select fd(a) = a from d;
create function fj(x json) returns json deterministic return json_extract(x, '$.a');
select fj('{"a": [1, 2]}'), fj(json_object('a', 'b'));
create function fe(x enum('a','b')) returns enum('x','y') deterministic return if(x='a','x','y');
select fe('a'), fe('b');
create function fb(x bit(4)) returns bit(4) deterministic return x;
select fb(5)+0, hex(fb(b'11'));
create function ftm(x time(2)) returns time(2) deterministic return addtime(x, '00:00:01.5');
select ftm('-10:00:00.25'), ftm('100:00:00');
create function fy(x year) returns year deterministic return x+1;
select fy(1999);
create function fts(x timestamp) returns timestamp deterministic return x;
set time_zone='+05:00';
select c, fts(c) from d;
create function fbl(x blob) returns blob deterministic return concat(x, x'00ff');
select hex(fbl(x'ff00'));
create function fl(x float) returns float deterministic return x;
select fl(0.1), fl(1e10);
create function dd(x double) returns decimal(30,10) deterministic return x;
select dd(1e15), dd(-0.5);
create function fw(x decimal(60,10)) returns decimal(60,10) deterministic return x + 1;
select fw('12345678901234567890123456789012345678901234567890.5'), fw(1.25), fw(1) + 0.5, fw(-2.5);
create table wd (d decimal(60,5));
insert into wd values (99999999999999999999999999999999999999999999999.25), (-0.5), (null);
select fw(d), fw(d) > 5 from wd order by d;
select sum(fw(d)) from wd where fw(d) > 0;
