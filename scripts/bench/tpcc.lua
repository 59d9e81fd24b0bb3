-- A mix like TPC-C's for sysbench: its nine tables, its five kinds of transaction in its proportions (45 new orders,
-- 43 payments, 4 each of order status, delivery and stock level), without think times and terminals.
-- Tables are smaller than the specification's unless told otherwise: --items and --customers.

sysbench.cmdline.options = {
   warehouses = {"Number of warehouses", 10},
   items = {"Items, and rows of stock per warehouse (the specification: 100000)", 2000},
   customers = {"Customers per district (the specification: 3000)", 300},
}

local DISTRICTS = 10
local SYLLABLES = {"BAR", "OUGHT", "ABLE", "PRI", "PRES", "ESE", "ANTI", "CALLY", "ATION", "EING"}

local TABLES = {
   [[CREATE TABLE warehouse (w_id SMALLINT NOT NULL PRIMARY KEY, w_name VARCHAR(10), w_street_1 VARCHAR(20),
     w_street_2 VARCHAR(20), w_city VARCHAR(20), w_state CHAR(2), w_zip CHAR(9), w_tax DECIMAL(4,4),
     w_ytd DECIMAL(12,2))]],
   [[CREATE TABLE district (d_w_id SMALLINT NOT NULL, d_id TINYINT NOT NULL, d_name VARCHAR(10), d_street_1 VARCHAR(20),
     d_street_2 VARCHAR(20), d_city VARCHAR(20), d_state CHAR(2), d_zip CHAR(9), d_tax DECIMAL(4,4),
     d_ytd DECIMAL(12,2), d_next_o_id INT, PRIMARY KEY (d_w_id, d_id))]],
   [[CREATE TABLE customer (c_w_id SMALLINT NOT NULL, c_d_id TINYINT NOT NULL, c_id INT NOT NULL, c_first VARCHAR(16),
     c_middle CHAR(2), c_last VARCHAR(16), c_street_1 VARCHAR(20), c_street_2 VARCHAR(20), c_city VARCHAR(20),
     c_state CHAR(2), c_zip CHAR(9), c_phone CHAR(16), c_since DATETIME, c_credit CHAR(2), c_credit_lim DECIMAL(12,2),
     c_discount DECIMAL(4,4), c_balance DECIMAL(12,2), c_ytd_payment DECIMAL(12,2), c_payment_cnt SMALLINT,
     c_delivery_cnt SMALLINT, c_data VARCHAR(500), PRIMARY KEY (c_w_id, c_d_id, c_id),
     KEY by_name (c_w_id, c_d_id, c_last, c_first))]],
   [[CREATE TABLE history (h_id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY, h_c_id INT, h_c_d_id TINYINT,
     h_c_w_id SMALLINT, h_d_id TINYINT, h_w_id SMALLINT, h_date DATETIME, h_amount DECIMAL(6,2), h_data VARCHAR(24))]],
   [[CREATE TABLE new_orders (no_w_id SMALLINT NOT NULL, no_d_id TINYINT NOT NULL, no_o_id INT NOT NULL,
     PRIMARY KEY (no_w_id, no_d_id, no_o_id))]],
   [[CREATE TABLE orders (o_w_id SMALLINT NOT NULL, o_d_id TINYINT NOT NULL, o_id INT NOT NULL, o_c_id INT,
     o_entry_d DATETIME, o_carrier_id TINYINT, o_ol_cnt TINYINT, o_all_local TINYINT,
     PRIMARY KEY (o_w_id, o_d_id, o_id), KEY by_customer (o_w_id, o_d_id, o_c_id, o_id))]],
   [[CREATE TABLE order_line (ol_w_id SMALLINT NOT NULL, ol_d_id TINYINT NOT NULL, ol_o_id INT NOT NULL,
     ol_number TINYINT NOT NULL, ol_i_id INT, ol_supply_w_id SMALLINT, ol_delivery_d DATETIME, ol_quantity TINYINT,
     ol_amount DECIMAL(6,2), ol_dist_info CHAR(24), PRIMARY KEY (ol_w_id, ol_d_id, ol_o_id, ol_number))]],
   [[CREATE TABLE item (i_id INT NOT NULL PRIMARY KEY, i_im_id INT, i_name VARCHAR(24), i_price DECIMAL(5,2),
     i_data VARCHAR(50))]],
   [[CREATE TABLE stock (s_w_id SMALLINT NOT NULL, s_i_id INT NOT NULL, s_quantity SMALLINT, s_dist CHAR(24),
     s_ytd DECIMAL(8,0), s_order_cnt SMALLINT, s_remote_cnt SMALLINT, s_data VARCHAR(50), PRIMARY KEY (s_w_id, s_i_id))]],
}

local function uniform(low, high) return sysbench.rand.uniform(low, high) end

local function nurand(a, c, low, high)
   return ((bit.bor(uniform(0, a), uniform(low, high)) + c) % (high - low + 1)) + low
end

local function last_name(number)
   return SYLLABLES[math.floor(number / 100) % 10 + 1] .. SYLLABLES[math.floor(number / 10) % 10 + 1]
      .. SYLLABLES[number % 10 + 1]
end

local function text(length) return sysbench.rand.string(string.rep("@", length)) end

local function names() return math.min(1000, sysbench.opt.customers) end

local function query(...) return con:query(string.format(...)) end

local function row(...)
   local result = query(...)
   return result:fetch_row()
end

-- Loading ------------------------------------------------------------------------------------------------------------

local function load(table, count, values)
   con:bulk_insert_init("INSERT INTO " .. table .. " VALUES")
   for number = 1, count do con:bulk_insert_next(values(number)) end
   con:bulk_insert_done()
end

local LOADED = "'2026-01-01 00:00:00'"

local function address() return string.format("'%s','%s','%s','AB','123456789'", text(12), text(12), text(10)) end

local function load_warehouse(w)
   local items, customers = sysbench.opt.items, sysbench.opt.customers
   load("warehouse", 1, function() return string.format("(%d,'%s',%s,%.4f,300000)", w, text(8), address(), uniform(0, 2000) / 10000) end)
   load("district", DISTRICTS, function(d)
      return string.format("(%d,%d,'%s',%s,%.4f,30000,%d)", w, d, text(8), address(), uniform(0, 2000) / 10000, customers + 1)
   end)
   load("stock", items, function(i)
      return string.format("(%d,%d,%d,'%s',0,0,0,'%s')", w, i, uniform(10, 100), text(24), text(30))
   end)
   for d = 1, DISTRICTS do
      load("customer", customers, function(c)
         return string.format("(%d,%d,%d,'%s','OE','%s',%s,'%s',NOW(),'%s',50000,%.4f,-10,10,1,0,'%s')", w, d, c, text(10),
            last_name((c - 1) % names()), address(), text(16), uniform(1, 10) == 1 and "BC" or "GC", uniform(0, 5000) / 10000,
            text(200))
      end)
      load("orders", customers, function(o)
         return string.format("(%d,%d,%d,%d,NOW(),%s,5,1)", w, d, o, (o * 7919) % customers + 1,
            o * 10 > customers * 7 and "NULL" or uniform(1, 10))
      end)
      load("order_line", customers * 5, function(n)
         local o = math.floor((n - 1) / 5) + 1
         return string.format("(%d,%d,%d,%d,%d,%d,%s,5,%.2f,'%s')", w, d, o, (n - 1) % 5 + 1, uniform(1, items), w,
            o * 10 > customers * 7 and "NULL" or LOADED, uniform(1, 999999) / 100, text(24))
      end)
      local first = math.floor(customers * 7 / 10) + 1
      load("new_orders", customers - first + 1, function(n) return string.format("(%d,%d,%d)", w, d, first + n - 1) end)
   end
end

local function connect()
   drv = sysbench.sql.driver()
   con = drv:connect()
end

function prepare()
   connect()
   for _, statement in ipairs(TABLES) do con:query(statement) end
   load("item", sysbench.opt.items, function(i)
      return string.format("(%d,%d,'%s',%.2f,'%s')", i, uniform(1, 10000), text(20), uniform(100, 10000) / 100, text(40))
   end)
   for w = 1, sysbench.opt.warehouses do load_warehouse(w) end
end

function cleanup()
   connect()
   for _, name in ipairs({"warehouse", "district", "customer", "history", "new_orders", "orders", "order_line", "item", "stock"}) do
      con:query("DROP TABLE IF EXISTS " .. name)
   end
end

-- The five transactions ----------------------------------------------------------------------------------------------

local function some_customer() return nurand(1023, 259, 1, sysbench.opt.customers) end
local function some_item() return nurand(8191, 7911, 1, sysbench.opt.items) end

-- 60 of 100 look their customer up by name: the one in the middle of those who have it.
local function find_customer(w, d)
   if uniform(1, 100) > 60 then return some_customer() end
   local name = last_name(nurand(255, 123, 0, names() - 1))
   local found = query("SELECT c_id FROM customer WHERE c_w_id = %d AND c_d_id = %d AND c_last = '%s' ORDER BY c_first", w, d, name)
   local middle = math.floor((found.nrows + 1) / 2)
   local id = some_customer()
   for number = 1, found.nrows do
      local it = found:fetch_row()
      if number == middle then id = tonumber(it[1]) end
   end
   return id
end

local function new_order()
   local warehouses = sysbench.opt.warehouses
   local w, d, c = uniform(1, warehouses), uniform(1, DISTRICTS), some_customer()
   local lines, all_local, wrong = {}, 1, uniform(1, 100) == 1
   for number = 1, uniform(5, 15) do
      local supply = w
      if warehouses > 1 and uniform(1, 100) == 1 then
         supply = w % warehouses + 1
         all_local = 0
      end
      lines[number] = {item = some_item(), supply = supply, quantity = uniform(1, 10)}
   end
   -- In the order of the items, so that two of these never wait for each other in a circle.
   table.sort(lines, function(a, b) return a.item < b.item end)
   con:query("BEGIN")
   row("SELECT c_discount, c_last, c_credit, w_tax FROM customer, warehouse WHERE w_id = %d AND c_w_id = w_id AND c_d_id = %d AND c_id = %d", w, d, c)
   local order = tonumber(row("SELECT d_next_o_id, d_tax FROM district WHERE d_w_id = %d AND d_id = %d FOR UPDATE", w, d)[1])
   query("UPDATE district SET d_next_o_id = %d WHERE d_w_id = %d AND d_id = %d", order + 1, w, d)
   query("INSERT INTO orders VALUES (%d, %d, %d, %d, NOW(), NULL, %d, %d)", w, d, order, c, #lines, all_local)
   query("INSERT INTO new_orders VALUES (%d, %d, %d)", w, d, order)
   for number, line in ipairs(lines) do
      local price = row("SELECT i_price, i_name, i_data FROM item WHERE i_id = %d", line.item)
      local stock = row("SELECT s_quantity, s_data, s_dist FROM stock WHERE s_i_id = %d AND s_w_id = %d FOR UPDATE", line.item, line.supply)
      local left = tonumber(stock[1]) - line.quantity
      if left < 10 then left = left + 91 end
      query("UPDATE stock SET s_quantity = %d, s_ytd = s_ytd + %d, s_order_cnt = s_order_cnt + 1 WHERE s_i_id = %d AND s_w_id = %d",
         left, line.quantity, line.item, line.supply)
      query("INSERT INTO order_line VALUES (%d, %d, %d, %d, %d, %d, NULL, %d, %.2f, '%s')", w, d, order, number, line.item,
         line.supply, line.quantity, line.quantity * tonumber(price[1]), stock[3])
   end
   con:query(wrong and "ROLLBACK" or "COMMIT")
end

local function payment()
   local w, d, amount = uniform(1, sysbench.opt.warehouses), uniform(1, DISTRICTS), uniform(100, 500000) / 100
   con:query("BEGIN")
   query("UPDATE warehouse SET w_ytd = w_ytd + %.2f WHERE w_id = %d", amount, w)
   row("SELECT w_street_1, w_street_2, w_city, w_state, w_zip, w_name FROM warehouse WHERE w_id = %d", w)
   query("UPDATE district SET d_ytd = d_ytd + %.2f WHERE d_w_id = %d AND d_id = %d", amount, w, d)
   row("SELECT d_street_1, d_street_2, d_city, d_state, d_zip, d_name FROM district WHERE d_w_id = %d AND d_id = %d", w, d)
   local c = find_customer(w, d)
   local found = row("SELECT c_first, c_last, c_credit, c_balance, c_data FROM customer WHERE c_w_id = %d AND c_d_id = %d AND c_id = %d FOR UPDATE", w, d, c)
   if found[3] == "BC" then
      local data = string.sub(string.format("| %d %d %d %.2f %s", c, d, w, amount, found[5]), 1, 500)
      query("UPDATE customer SET c_balance = c_balance - %.2f, c_ytd_payment = c_ytd_payment + %.2f, c_data = '%s' WHERE c_w_id = %d AND c_d_id = %d AND c_id = %d",
         amount, amount, data, w, d, c)
   else
      query("UPDATE customer SET c_balance = c_balance - %.2f, c_ytd_payment = c_ytd_payment + %.2f WHERE c_w_id = %d AND c_d_id = %d AND c_id = %d",
         amount, amount, w, d, c)
   end
   query("INSERT INTO history (h_c_id, h_c_d_id, h_c_w_id, h_d_id, h_w_id, h_date, h_amount, h_data) VALUES (%d, %d, %d, %d, %d, NOW(), %.2f, 'payment')",
      c, d, w, d, w, amount)
   con:query("COMMIT")
end

local function order_status()
   local w, d = uniform(1, sysbench.opt.warehouses), uniform(1, DISTRICTS)
   con:query("BEGIN")
   local c = find_customer(w, d)
   row("SELECT c_balance, c_first, c_middle, c_last FROM customer WHERE c_w_id = %d AND c_d_id = %d AND c_id = %d", w, d, c)
   local last = row("SELECT o_id, o_carrier_id, o_entry_d FROM orders WHERE o_w_id = %d AND o_d_id = %d AND o_c_id = %d ORDER BY o_id DESC LIMIT 1", w, d, c)
   if last then
      query("SELECT ol_i_id, ol_supply_w_id, ol_quantity, ol_amount, ol_delivery_d FROM order_line WHERE ol_w_id = %d AND ol_d_id = %d AND ol_o_id = %d", w, d, tonumber(last[1]))
   end
   con:query("COMMIT")
end

local function delivery()
   local w, carrier = uniform(1, sysbench.opt.warehouses), uniform(1, 10)
   con:query("BEGIN")
   for d = 1, DISTRICTS do
      local first = row("SELECT no_o_id FROM new_orders WHERE no_w_id = %d AND no_d_id = %d ORDER BY no_o_id LIMIT 1 FOR UPDATE", w, d)
      if first then
         local order = tonumber(first[1])
         query("DELETE FROM new_orders WHERE no_w_id = %d AND no_d_id = %d AND no_o_id = %d", w, d, order)
         local c = tonumber(row("SELECT o_c_id FROM orders WHERE o_w_id = %d AND o_d_id = %d AND o_id = %d", w, d, order)[1])
         query("UPDATE orders SET o_carrier_id = %d WHERE o_w_id = %d AND o_d_id = %d AND o_id = %d", carrier, w, d, order)
         query("UPDATE order_line SET ol_delivery_d = NOW() WHERE ol_w_id = %d AND ol_d_id = %d AND ol_o_id = %d", w, d, order)
         local sum = row("SELECT SUM(ol_amount) FROM order_line WHERE ol_w_id = %d AND ol_d_id = %d AND ol_o_id = %d", w, d, order)
         query("UPDATE customer SET c_balance = c_balance + %s, c_delivery_cnt = c_delivery_cnt + 1 WHERE c_w_id = %d AND c_d_id = %d AND c_id = %d",
            sum[1], w, d, c)
      end
   end
   con:query("COMMIT")
end

local function stock_level()
   local w, d, threshold = uniform(1, sysbench.opt.warehouses), uniform(1, DISTRICTS), uniform(10, 20)
   con:query("BEGIN")
   local upcoming = tonumber(row("SELECT d_next_o_id FROM district WHERE d_w_id = %d AND d_id = %d", w, d)[1])
   query("SELECT COUNT(DISTINCT s_i_id) FROM order_line, stock WHERE ol_w_id = %d AND ol_d_id = %d AND ol_o_id < %d AND ol_o_id >= %d AND s_w_id = %d AND s_i_id = ol_i_id AND s_quantity < %d",
      w, d, upcoming, upcoming - 20, w, threshold)
   con:query("COMMIT")
end

function thread_init() connect() end

function thread_done() con:disconnect() end

function event()
   local kind = uniform(1, 100)
   if kind <= 45 then new_order()
   elseif kind <= 88 then payment()
   elseif kind <= 92 then order_status()
   elseif kind <= 96 then delivery()
   else stock_level()
   end
end

-- A deadlock or a lock wait that took too long: sysbench makes the event anew, the transaction must not stay open.
function sysbench.hooks.before_restart_event(error) con:query("ROLLBACK") end
