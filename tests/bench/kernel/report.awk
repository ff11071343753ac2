# SPDX-License-Identifier: BSD-3-Clause
# report.awk KERNEL.json PROFILE.json: the tables of docs/performance.md about servers behind
# a mount, as Markdown. Both files have one result in a line.

BEGIN {
	n_ops = split("stat-cold stat-warm limit-cold limit-warm lookup-many/1 lookup-many/2 " \
		"lookup-many/4 lookup-one/1 lookup-one/2 lookup-one/4 create stat-small unlink " \
		"create-many stat-many unlink-many " \
		"links renames untar rm-r git-status read-seq-4k read-seq-1M read-rand-4k " \
		"read-rand-1M read-mmap write-seq-4k write-seq-1M write-rand-4k write-rand-1M",
		ops, " ")
	says["stat-cold"] = "stat of a tree, cold"
	says["stat-warm"] = "the same, known"
	says["limit-cold"] = "stat of a tree, cold, 1,024 fds"
	says["limit-warm"] = "the same, known"
	says["lookup-many"] = "look-up, many directories"
	says["lookup-one"] = "look-up, one directory"
	says["stat-small"] = "stat of small files"
	says["create"] = "create small files"
	says["unlink"] = "unlink small files"
	says["create-many"] = "create many small files, 4 processes"
	says["stat-many"] = "stat of them, 4 processes"
	says["unlink-many"] = "unlink them, 4 processes"
	says["links"] = "hardlinks: make, stat, unlink"
	says["renames"] = "renames, 2 processes"
	says["untar"] = "untar, for each file"
	says["rm-r"] = "rm -r, for each file"
	says["git-status"] = "git status, for each file"
	split("", names)
	errors[2] = "ENOENT"; errors[5] = "EIO"; errors[9] = "EBADF"; errors[23] = "ENFILE"; errors[24] = "EMFILE"
	errors[61] = "wrong result"; errors[107] = "ENOTCONN"; errors[110] = "hangs"
	errors[116] = "ESTALE"; errors[117] = "EUCLEAN"
}

/^{"name"/ { names[++count] = field("name"); about[count] = field("server") }

/^{"mode"/ { fds = field("fds") + 0 }

/"profile"/ { share[field("profile") "/" field("part")] = field("value"); profiled = 1 }

/"median"/ {
	op = field("op")
	threads = field("threads")
	if (op ~ /^lookup/)
		op = op "/" threads
	if (op == "grow") {
		k = field("table") "/" field("size") "/" field("pattern")
		grown[k] = field("median") + 0
		grown_runs[field("size")] = field("runs")
		next
	}
	k = field("table") "/" op "/" field("pattern")
	median[k] = field("median") + 0
	least[k] = field("min") + 0
	most[k] = field("max") + 0
	runs[k] = field("runs") + 0
	size[op] = field("size") + 0
	if (field("pattern") == "time")
		measured[field("table")] = 1
}

function is_data(op) {
	return op ~ /^(read|write)-/
}

function title(op,    part, n) {
	n = split(op, part, "/")
	if (is_data(op)) {
		gsub("-", " ", op)
		sub("seq", "in order,", op)
		sub("rand", "at random,", op)
		sub("4k", "4 KiB", op)
		sub("1M", "1 MiB", op)
		return op
	}
	return (part[1] in says ? says[part[1]] : op) (n > 1 ? ", " part[2] \
		(part[2] == 1 ? " process" : " processes") : "")
}

function number(v) {
	return v >= 100 ? sprintf("%.0f", v) : v >= 10 ? sprintf("%.1f", v) : sprintf("%.2f", v)
}

function grouped(v,    s, out) {
	s = sprintf("%.0f", v)
	while (length(s) > 3) {
		out = "," substr(s, length(s) - 2) out
		s = substr(s, 1, length(s) - 3)
	}
	return s out
}

function has(s, op, metric) {
	return (s "/" op "/" metric) in median
}

function get(s, op, metric) {
	return median[s "/" op "/" metric]
}

function name_of(e) {
	return e in errors ? errors[e] : "error " e
}

# What failed, or nothing: then `other` is to be shown.
function failure(s, op, other,    e, failed, all) {
	if (!has(s, op, "error"))
		return other
	e = get(s, op, "error")
	failed = runs[s "/" op "/error"]
	all = failed + (has(s, op, "time") ? runs[s "/" op "/time"] : 0)
	return "**" name_of(e) "**" \
		(failed < all ? ", " failed " of " all : "")
}

# The first cells of it, so many; then a column for each of those chosen.
function header(first, cells,    i) {
	printf "| %s |", first
	for (i = 1; i <= columns; i++)
		printf " %s |", column[i]
	printf "\n|"
	for (i = 1; i <= cells + columns; i++)
		printf "---|"
	print ""
}

# The servers of a table: all that were measured, native first, but for those given.
function choose(without,    i) {
	columns = 0
	for (i = 1; i <= count; i++)
		if ((names[i] in measured) && index(" " without " ", " " names[i] " ") == 0)
			column[++columns] = names[i]
}

function ratio_cell(s, op,    k, base) {
	k = s "/" op "/time"
	base = get("native", op, "time")
	if (!(k in median) || !base)
		return failure(s, op, "-")
	return failure(s, op, sprintf("%s (%s-%s)", number(median[k] / base),
		number(least[k] / base), number(most[k] / base)))
}

function rate_cell(op,    t) {
	t = get("native", op, "time")
	return is_data(op) ? grouped(1e9 / t) " MiB/s" : grouped(1e9 / t) "/s"
}

function ratios(    i, c) {
	print "\nHow many times what the source directory takes: median (least-most)\n"
	choose("native")
	header("workload | files, links or MiB | native", 3)
	for (i = 1; i <= n_ops; i++) {
		if (!has("native", ops[i], "time"))
			continue
		printf "| %s | %s | %s |", title(ops[i]), grouped(size[ops[i]]), rate_cell(ops[i])
		for (c = 1; c <= columns; c++)
			printf " %s |", ratio_cell(column[c], ops[i])
		print ""
	}
}

function against(    i, c, ours) {
	print "\nHow many times what passthrough takes: more than 1 is slower than it\n"
	choose("native passthrough")
	header("workload", 1)
	for (i = 1; i <= n_ops; i++) {
		ours = get("passthrough", ops[i], "time")
		if (!ours)
			continue
		printf "| %s |", title(ops[i])
		for (c = 1; c <= columns; c++)
			printf " %s |", has(column[c], ops[i], "error") ? \
				failure(column[c], ops[i], "") : \
				has(column[c], ops[i], "time") ? \
				number(get(column[c], ops[i], "time") / ours) : "-"
		print ""
	}
}

function cpu_cell(s, op,    cpu) {
	if (!has(s, op, "cpu"))
		return failure(s, op, "-")
	cpu = get(s, op, "cpu")
	return failure(s, op, number(cpu / 1000) (has(s, op, "user") && cpu ? \
		sprintf(" (%.0f %%)", 100 * get(s, op, "user") / cpu) : ""))
}

function cpu(    i, c) {
	print "\nCPU of the server in µs, for each operation or MiB (of it in user mode)\n"
	choose("native")
	header("workload", 1)
	for (i = 1; i <= n_ops; i++) {
		if (!has("passthrough", ops[i], "cpu"))
			continue
		printf "| %s |", title(ops[i])
		for (c = 1; c <= columns; c++)
			printf " %s |", cpu_cell(column[c], ops[i])
		print ""
	}
}

function resources(    i, c, s, op) {
	print "\nMost memory of the server in MB; file descriptors at the end\n"
	choose("native")
	header("workload", 1)
	for (i = 1; i <= n_ops; i++) {
		op = ops[i]
		if (op !~ /^(stat-cold|limit-cold|lookup-one\/1|create|untar|git-status|read-seq-1M)$/ ||
		    !has("passthrough", op, "peak"))
			continue
		printf "| %s |", title(op)
		for (c = 1; c <= columns; c++) {
			s = column[c]
			printf " %s |", has(s, op, "peak") ? sprintf("%.1f; %s",
				get(s, op, "peak") / 1000, grouped(get(s, op, "fds"))) : \
				failure(s, op, "-")
		}
		print ""
	}
}

function above(s, op, metric, floor_) {
	if (!has(s, op, metric) || !has(floor_, op, metric))
		return "-"
	return sprintf("%.1f", (get(s, op, metric) - get(floor_, op, metric)) / 1000)
}

function distance(    i, c) {
	if (!("floor-calls" in measured))
		return
	print "\nAbove the floors, for each look-up: µs more than floor-calls; than floor-array, " \
		"in brackets\n"
	print "| look-up | minimal: time | minimal: CPU | passthrough: time | passthrough: CPU |"
	print "|---|---|---|---|---|"
	for (i = 1; i <= n_ops; i++) {
		if (ops[i] !~ /^lookup/)
			continue
		printf "| %s |", title(ops[i])
		for (c = 1; c <= 2; c++) {
			s = c == 1 ? "minimal" : "passthrough"
			printf " %s (%s) | %s (%s) |", above(s, ops[i], "time", "floor-calls"),
				above(s, ops[i], "time", "floor-array"),
				above(s, ops[i], "cpu", "floor-calls"),
				above(s, ops[i], "cpu", "floor-array")
		}
		print ""
	}
}

function failure_of(values, k, other) {
	return (k "error") in values ? "**" name_of(values[k "error"]) "**" : other
}

function grown_cell(s, n,    k) {
	k = s "/" n "/"
	if (!((k "time") in grown))
		return failure_of(grown, k, "-")
	return number(grown[k "time"] / 1000) ((k "cpu") in grown ? "; " \
		number(grown[k "cpu"] / 1000) "; " grouped(grown[k "bytes"]) : "")
}

function growth(    i, n) {
	print "\nGrowth: look-ups of what is unknown, by 4 processes, from a tenth of the files " \
		"on: µs; µs of CPU; bytes of the server's memory for each file\n"
	columns = 0
	for (n = 10000; n in grown_runs; n *= 10)
		column[++columns] = sprintf("%s files (%d %s)", grouped(n), grown_runs[n],
			grown_runs[n] == 1 ? "round" : "rounds")
	header("server", 1)
	for (i = 1; i <= count; i++) {
		if (!((names[i] "/10000/time") in grown))
			continue
		printf "| %s |", names[i]
		for (n = 10000; n in grown_runs; n *= 10)
			printf " %s |", grown_cell(names[i], n)
		print ""
	}
}

function profiles(    i, s) {
	if (!profiled)
		return
	print "\nWhere the server's CPU goes in the cold stat of a tree, % of samples of " \
		"perf(1)\n"
	print "| server | kernel | libc | libfuse | its own code | the table | samples |"
	print "|---|---|---|---|---|---|---|"
	for (i = 1; i <= count; i++) {
		s = names[i]
		if (!((s "/samples") in share))
			continue
		printf "| %s | %s | %s | %s | %s | %s | %s |\n", s, share[s "/kernel"],
			share[s "/libc"], share[s "/libfuse"], share[s "/server"],
			(s "/table") in share ? share[s "/table"] : "-",
			grouped(share[s "/samples"])
	}
}

function servers_table(    i) {
	print "| server | what it is |\n|---|---|"
	for (i = 1; i <= count; i++)
		print "| " names[i] " | " about[i] \
			(has(names[i], "mount", "error") ? " (**did not mount**)" : "") \
			(has(names[i], "hang", "error") ? " (**hung, and was killed**)" : "") " |"
}

END {
	servers_table()
	print "\nEach server may have " grouped(fds) " file descriptors, where nothing else is said."
	ratios()
	against()
	cpu()
	resources()
	distance()
	growth()
	profiles()
}
