# SPDX-License-Identifier: BSD-3-Clause
# report.awk TABLES.json INSTRUCTIONS.json: the tables of docs/performance.md, as Markdown.
# Both files have one result in a line. With -v size=N the tables are of N inodes, else of a
# million or as many as there are.

function key(table, n, op, pattern, threads) {
	return table "/" n "/" op "/" pattern "/" threads
}

function value(table, n, op, pattern, threads,    k) {
	k = key(table, n, op, pattern, threads)
	return k in median ? median[k] : ""
}

function number(v) {
	return v == "" ? "-" : v >= 100 ? sprintf("%.0f", v) : sprintf("%.1f", v)
}

function range(table, n, op, pattern, threads,    k) {
	k = key(table, n, op, pattern, threads)
	return k in median ? sprintf("%s (%s-%s)", number(median[k]), number(least[k]),
		number(most[k])) : "-"
}

# How many times what the library takes.
function ratio(v, ours) {
	return v == "" || !ours ? "-" : sprintf("%.2f", v / ours)
}

/^{"name"/ { servers[++count] = field("name"); who[count] = field("server") }

/"instructions"/ { instructions[field("table") "/" field("op")] = field("instructions") + 0 }

/"median"/ {
	n = field("size") + 0
	k = key(field("table"), n, field("op"), field("pattern"), field("threads"))
	median[k] = field("median") + 0
	least[k] = field("min") + 0
	most[k] = field("max") + 0
	if (field("op") == "again" && n > largest)
		largest = n
}

function servers_table(    i) {
	print "| table | whose it is |\n|---|---|"
	for (i = 1; i <= count; i++)
		print "| " servers[i] " | " who[i] " |"
}

function ns_table(n,    i, s) {
	print "\nns per operation, one thread, " n " inodes, random: median (least-most)\n"
	print "| table | new | again | get | forget | evict | batch | evict all | grow |"
	print "|---|---|---|---|---|---|---|---|---|"
	for (i = 1; i <= count; i++) {
		s = servers[i]
		print "| " s " | " range(s, n, "new", "sequential", 1) " | " \
			range(s, n, "again", "random", 1) " | " \
			range(s, n, "get", "random", 1) " | " \
			range(s, n, "forget", "random", 1) " | " \
			range(s, n, "evict", "sequential", 1) " | " \
			range(s, n, "batch", "sequential", 1) " | " \
			range(s, n, "evict-all", "", 1) " | " \
			range(s, n, "grow", "sequential", 1) " |"
	}
}

function both(s, n, threads,    a, f) {
	a = value(s, n, "again", "random", threads)
	f = value(s, n, "forget", "random", threads)
	return a == "" ? "" : a + f
}

function ratio_table(n,    i, s, f) {
	f = "finode"
	print "\nThe same as ratios: how many times what libfinode takes, " n " inodes\n"
	print "| table | new | again + forget | get | again + forget, 2 threads | get, 2 threads | heap | longest |"
	print "|---|---|---|---|---|---|---|---|"
	for (i = 1; i <= count; i++) {
		s = servers[i]
		print "| " s " | " ratio(value(s, n, "new", "sequential", 1), \
				value(f, n, "new", "sequential", 1)) " | " \
			ratio(both(s, n, 1), both(f, n, 1)) " | " \
			ratio(value(s, n, "get", "random", 1), \
				value(f, n, "get", "random", 1)) " | " \
			ratio(both(s, n, 2), both(f, n, 2)) " | " \
			ratio(value(s, n, "get", "random", 2), \
				value(f, n, "get", "random", 2)) " | " \
			ratio(value(s, n, "heap", "", 1), value(f, n, "heap", "", 1)) " | " \
			ratio(value(s, n, "longest", "sequential", 1), \
				value(f, n, "longest", "sequential", 1)) " |"
	}
}

function rate(ns) {
	return ns == "" ? "-" : sprintf("%.2f", 1000 / ns)
}

function resources_table(n,    i, s, v) {
	print "\nMillion operations a second at 2 threads; bytes of heap; the longest look-up; " \
		"instructions (10,000 inodes)\n"
	print "| table | again | get | heap per inode, " n " | longest, growing to " largest \
		", ms | new | again | get | forget | evict |"
	print "|---|---|---|---|---|---|---|---|---|---|"
	for (i = 1; i <= count; i++) {
		s = servers[i]
		v = value(s, largest, "longest", "sequential", 1)
		print "| " s " | " rate(value(s, n, "again", "random", 2)) " | " \
			rate(value(s, n, "get", "random", 2)) " | " \
			number(value(s, n, "heap", "", 1)) " | " \
			(v == "" ? "-" : sprintf("%.2f", v / 1e6)) " | " \
			number(instructions[s "/new"]) " | " number(instructions[s "/again"]) " | " \
			number(instructions[s "/get"]) " | " number(instructions[s "/forget"]) " | " \
			number(instructions[s "/evict"]) " |"
	}
}

function patterns_table(n,    i, s) {
	print "\nns per look-up of a known inode, by pattern, and by threads, " n " inodes\n"
	print "| table | sequential | random | hot | random, 2 threads | random, 4 threads | hot, 4 threads |"
	print "|---|---|---|---|---|---|---|"
	for (i = 1; i <= count; i++) {
		s = servers[i]
		print "| " s " | " number(value(s, n, "again", "sequential", 1)) " | " \
			number(value(s, n, "again", "random", 1)) " | " \
			number(value(s, n, "again", "hot", 1)) " | " \
			number(value(s, n, "again", "random", 2)) " | " \
			number(value(s, n, "again", "random", 4)) " | " \
			number(value(s, n, "again", "hot", 4)) " |"
	}
}

function names_table(n,    i, s) {
	print "\nNames, " n " files: ns per operation, bytes of heap beside the name\n"
	print "| table | add | find | rename | rename, 2 threads | heap |\n|---|---|---|---|---|---|"
	for (i = 1; i <= count; i++) {
		s = servers[i]
		if (value(s, n, "rename", "random", 1) == "")
			continue
		print "| " s " | " range(s, n, "name-add", "sequential", 1) " | " \
			range(s, n, "name-find", "random", 1) " | " \
			range(s, n, "rename", "random", 1) " | " \
			range(s, n, "rename", "random", 2) " | " \
			number(value(s, n, "name-heap", "", 1)) " |"
	}
}

# One line for each set that was tried on a table: how much slower than random input.
function hostile_rows(s, what, sets,    i, n, all, set, done) {
	n = split(sets, all, " ")
	for (i = 1; i <= n; i++) {
		set = all[i]
		if (value(s, 100000, what "-new", set, 1) == "")
			continue
		done = value(s, 100000, what "-done", set, 1)
		print "| " s " | " what "s: " set " | " \
			ratio(value(s, 100000, what "-new", set, 1), \
				value(s, 100000, what "-new", "random", 1)) " | " \
			ratio(value(s, 100000, what "-again", set, 1), \
				value(s, 100000, what "-again", "random", 1)) " | " \
			(done < 100000 ? "stopped after " done : "all") " |"
	}
}

function hostile_table(    i) {
	print "\n100,000 keys or names that collide: how many times what random ones take\n"
	print "| table | set | new | again | done |\n|---|---|---|---|---|"
	for (i = 1; i <= count; i++) {
		hostile_rows(servers[i], "key", "prime sum low16 mixer")
		hostile_rows(servers[i], "name", "times31 times33 fnv1a oat std")
	}
}

END {
	if (!size)
		size = largest < 1000000 ? largest : 1000000
	servers_table()
	ns_table(size)
	ratio_table(size)
	if (largest > size)
		ratio_table(largest)
	resources_table(size)
	patterns_table(size)
	names_table(size)
	hostile_table()
}
