# SPDX-License-Identifier: BSD-3-Clause
# field(NAME): the value of a field of the JSON object that is the line. With awk -f, before
# the program that uses it.

function field(name,    at, rest) {
	at = index($0, "\"" name "\": ")
	if (!at)
		return ""
	rest = substr($0, at + length(name) + 4)
	if (substr(rest, 1, 1) == "\"") {
		rest = substr(rest, 2)
		return substr(rest, 1, index(rest, "\"") - 1)
	}
	match(rest, /^[-0-9.]+/)
	return substr(rest, 1, RLENGTH)
}
