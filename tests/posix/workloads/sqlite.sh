# SPDX-License-Identifier: BSD-3-Clause
# sqlite.sh BESIDE MOUNTED SCRATCH [quick]: databases with each kind of journal: four writers
# at once, some of which are killed, then readers; the integrity check, and every row.
set -eu
mounted=$2
rounds=40
[ -z "${4:-}" ] || rounds=10

query() {
	sqlite3 -batch -bail -cmd '.timeout 60000' "$@"
}

# write_rows DATABASE WRITER: `rounds` transactions of 100 rows.
write_rows() {
	for round in $(seq $rounds); do
		query "$1" "BEGIN IMMEDIATE;
			WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 100)
				INSERT INTO t SELECT $2, $round, i, hex(randomblob(100)) FROM n;
			UPDATE t SET text = text || '.' WHERE writer = $2 AND i % 7 = 0;
			COMMIT;"
	done
}

for journal in delete truncate persist wal; do
	database=$mounted/$journal.db
	mode=$(query "$database" "PRAGMA journal_mode=$journal;
		CREATE TABLE t(writer, round, i, text, UNIQUE(writer, round, i));")
	[ "$mode" = $journal ] || { echo "journal_mode=$journal gives $mode"; exit 1; }
	pids=
	for writer in 1 2 3 4; do
		write_rows "$database" $writer &
		pids="$pids $!"
	done
	# One that dies in the midst of a transaction, which must leave nothing.
	timeout -s KILL 1 sqlite3 -batch -cmd '.timeout 60000' "$database" "BEGIN IMMEDIATE;
		INSERT INTO t VALUES(9, 9, 9, 'of the killed');
		WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)
			SELECT max(i) FROM n;" >/dev/null 2>&1 || true
	for pid in $pids; do wait "$pid"; done
	[ "$(query "$database" 'PRAGMA integrity_check;')" = ok ] || {
		echo "$journal: the integrity check fails"
		exit 1
	}
	rows=$(query "$database" 'SELECT count(*) FROM t;')
	[ "$rows" = $((4 * rounds * 100)) ] || { echo "$journal: $rows rows"; exit 1; }
	query "$database" 'DELETE FROM t WHERE i % 2; VACUUM;'
	[ "$(query "$database" 'PRAGMA integrity_check;')" = ok ] || {
		echo "$journal: the integrity check fails after VACUUM"
		exit 1
	}
done
echo "sqlite3: 4 journals, $((4 * rounds)) transactions by 4 writers each"
