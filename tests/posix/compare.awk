# SPDX-License-Identifier: BSD-3-Clause
# awk -v where=FS/USER -v used=FILE -f compare.awk ACCEPTED HOST MOUNT: the differences
# between two outputs of posix_cases, without those that are accepted, whose lines of
# ACCEPTED are added to FILE. The last line of output is a summary; the exit status says whether
# anything differs.

function pattern(glob) {
	gsub(/[][\\.^$+?(){}|]/, "\\\\&", glob)
	gsub(/\*/, ".*", glob)
	return "^" glob "$"
}

function is_accepted(key, value,   i) {
	for (i = 1; i <= accepted; i++)
		if (where ~ wheres[i] && key ~ keys[i] && value ~ values[i]) {
			print lines[i] >>used
			return 1
		}
	return 0
}

function differs(key, host, mount) {
	if (is_accepted(key, mount)) {
		expected++
		return
	}
	printf "%s %s: host '%s', mount '%s'\n", where, key, host, mount
	different++
}

FILENAME != file { file = FILENAME; part++ }
part == 1 {
	if ($0 ~ /^[^#]/) {
		if (split($0, field, / *\| */) != 3) {
			printf "%s:%d: not WHERE | CASE | VALUE\n", FILENAME, FNR
			exit failed = 2
		}
		lines[++accepted] = $0
		wheres[accepted] = pattern(field[1])
		keys[accepted] = pattern(field[2])
		values[accepted] = pattern(field[3])
	}
	next
}
{
	at = index($0, ": ")
	key = at ? substr($0, 1, at - 1) : $0
	value = at ? substr($0, at + 2) : ""
}
part == 2 {
	if (key in host) {
		printf "%s: made twice on the host\n", key
		different++
	}
	host[key] = value
	order[++count] = key
}
part == 3 {
	if (key in mount) {
		printf "%s: made twice on the mount\n", key
		different++
	}
	mount[key] = value
	if (!(key in host))
		differs(key, "(nothing)", value)
}
END {
	if (failed)
		exit failed
	for (i = 1; i <= count; i++)
		if (!(order[i] in mount))
			differs(order[i], host[order[i]], "(nothing)")
		else if (host[order[i]] "" != mount[order[i]] "")
			differs(order[i], host[order[i]], mount[order[i]])
	printf "posix %s: %d observations, %d differences, %d accepted\n", where, count,
		different, expected
	exit different > 0
}
