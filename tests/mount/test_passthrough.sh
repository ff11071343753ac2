#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# test_passthrough.sh BUILD: what people do with passthrough, and what can go wrong.
build=$1
# shellcheck source=SCRIPTDIR/own_mounts.sh
. "$(dirname "$0")/own_mounts.sh"
# shellcheck source=SCRIPTDIR/lib.sh
. "$(dirname "$0")/lib.sh"
command -v setpriv >/dev/null || skip "no setpriv (util-linux)"
command -v python3 >/dev/null || skip "no python3"
passthrough=$build/examples/passthrough
user="setpriv --reuid=1000 --regid=1000 --clear-groups"

# expect STATUS WORDS COMMAND..: the exit status, and words on stdout or stderr
expect() {
	status=$1 words=$2 got=0
	shift 2
	output=$("$@" 2>&1) || got=$?
	[ "$got" = "$status" ] || fail "'$*' ended with $got, not $status: $output"
	printf '%s\n' "$output" | grep -q -- "$words" || fail "'$*' does not say '$words': $output"
}

# stop: unmounts, and asserts that the table was in order and that the server ends well
stop() {
	"$passthrough" --stats "$mnt" | grep -q '^table *clean' || fail "the table is not clean"
	[ "$(figure clamped)" = 0 ] || fail "a FORGET was clamped"
	stop_server
}

# ---- The command line ----
expect 0 "usage: passthrough" "$passthrough" --help
expect 0 "libfinode [0-9]" "$passthrough" --version
expect 2 "source is missing" "$passthrough"
expect 2 "mountpoint is missing" "$passthrough" "$source"
expect 2 "one argument too many" "$passthrough" "$source" "$mnt" "$mnt"
expect 2 "unknown option" "$passthrough" --nonsense "$source" "$mnt"
expect 2 "unknown option" "$passthrough" -o nonsense "$source" "$mnt"
expect 2 "no policy" "$passthrough" --policy=none "$source" "$mnt"
expect 3 "No such file" "$passthrough" "$work/none" "$mnt"
expect 3 "Not a directory" "$passthrough" /etc/passwd "$mnt"
expect 4 "No such file" "$passthrough" "$source" "$work/none"
expect 4 "Not a directory" "$passthrough" "$source" /etc/passwd
expect 4 "inside the source" "$passthrough" "$work" "$mnt"
expect 4 "not the mountpoint" "$passthrough" --stats "$source"
# A character device that no driver has stands for a kernel without FUSE.
expect 5 "kernel module" unshare --mount sh -c \
	"mknod '$work/gone' c 10 250 && mount --bind '$work/gone' /dev/fuse &&
	exec '$passthrough' '$source' '$mnt'"
expect 6 "ermission denied" unshare --mount sh -c \
	"mknod -m 600 '$work/closed' c 10 229 && mount --bind '$work/closed' /dev/fuse &&
	exec setpriv --reuid=65534 --regid=65534 --clear-groups '$passthrough' '$source' '$mnt'"

# ---- A daemon, as mount(8) starts it, and its end ----
touch "$source/there"
"$passthrough" "$source" "$mnt" -o rw,noatime,nofail,x-test.option || fail "as a helper of mount(8)"
[ -e "$mnt/there" ] || fail "the daemon shows nothing"
expect 4 "busy" "$passthrough" "$source" "$mnt"
"$passthrough" --stats "$mnt" | grep -q '^inodes' || fail "--stats shows nothing"
for signal in TERM INT; do
	daemon=$(pgrep -f "^$passthrough .*$mnt")
	kill -"$signal" "$daemon"
	for _ in $(seq 50); do is_mounted || break; sleep 0.1; done
	! is_mounted || fail "SIG$signal does not unmount"
	[ $signal = INT ] || "$passthrough" -o source="$source" "$mnt" || fail "-o source="
done

# ---- An open file whose last name goes ----
tmpfs_source
start_server "$passthrough" --fds=30
python3 - "$mnt" <<'END' || fail "files that have lost their names"
import ctypes, os, sys
os.chdir(sys.argv[1])
open("f", "w").write("contents")
fd = os.open("f", os.O_RDWR)
path = os.open("f", os.O_PATH)
for i in range(200):                    # more than there are fds
    open("other%d" % i, "w").close()
os.unlink("f")
assert os.fstat(fd).st_nlink == 0 and os.pread(fd, 9, 0) == b"contents"
for i in range(200):
    os.stat("other%d" % i)
os.chmod("/proc/self/fd/%d" % path, 0o600)      # by nodeid only
assert os.fstat(path).st_mode & 0o777 == 0o600
os.mkdir("d")
d = os.open("d", os.O_RDONLY | os.O_DIRECTORY)
os.rmdir("d")
assert os.fstat(d).st_nlink == 0 and os.listdir(d) == []
open("a", "w").write("a"); open("b", "w").write("b")
b = os.open("b", os.O_PATH)
os.rename("a", "b")
assert os.fstat(b).st_nlink == 0
t = os.open(".", os.O_TMPFILE | os.O_RDWR, 0o600)
os.write(t, b"tmp")
assert ctypes.CDLL(None).linkat(-100, b"/proc/self/fd/%d" % t, -100, b"linked", 0x400) == 0
assert open("linked").read() == "tmp"
for i in range(200):
    os.unlink("other%d" % i)
END
rm -f "$mnt"/*
[ "$(figure refused)" = 0 ] || fail "ENFILE"
stop

# ---- Whose rights ----
start_server "$passthrough"
chmod 777 "$mnt"
mkdir "$mnt/team" && chown 0:77 "$mnt/team" && chmod 3777 "$mnt/team"
$user sh -c "umask 027; cd '$mnt/team'; touch mine; mkdir dir; umask 0; touch open"
[ "$(stat -c %u:%g:%a "$source/team/mine")" = 1000:77:640 ] || fail "owner and mode of a file"
[ "$(stat -c %u:%g:%a "$source/team/dir")" = 1000:77:2750 ] || fail "owner and mode of a directory"
[ "$(stat -c %a "$source/team/open")" = 666 ] || fail "the umask of another request"
touch "$mnt/roots"
[ "$(stat -c %u:%g "$source/roots")" = 0:0 ] || fail "a caller's identity leaked"
expect 1 "not permitted" setpriv --reuid=1001 --regid=1001 --clear-groups rm -f "$mnt/team/mine"
# shellcheck disable=SC2086 # several words
expect 1 "not permitted" $user ln "$mnt/roots" "$mnt/hard"
chmod 6777 "$mnt/roots"
$user sh -c "echo x >>'$mnt/roots'"
[ "$(stat -c %a "$source/roots")" = 777 ] || fail "suid survives a write"
grep -q '^CapEff:.*[1-9a-f]' "/proc/$server/status" || fail "the server has lost its capabilities"
for task in /proc/"$server"/task/*; do
	[ "$(awk '/^Uid:/ { print $5 }' "$task/status")" = 0 ] || fail "a thread is still somebody else"
done

# ---- Never out of the tree ----
echo secret >"$work/secret"
ln -s "$work/secret" "$source/link"
ln -s / "$source/root"
$user cat "$mnt/link" >/dev/null || true
[ "$(readlink "$mnt/link")" = "$work/secret" ] || fail "a symlink is shown as what it is"
python3 - "$mnt" "$source" "$work/secret" <<'END' || fail "a symlink was followed"
# A name that is now a file, now a symlink out of the tree: nobody reads the secret.
import os, sys, threading, time
mnt, source, secret = sys.argv[1:]
inode = os.stat(secret).st_ino
end = time.monotonic() + 3
def swap():
    while time.monotonic() < end:
        with open(source + "/new", "w") as f: f.write("public")
        os.rename(source + "/new", source + "/race")
        time.sleep(0.001)
        os.symlink(secret, source + "/new")
        os.rename(source + "/new", source + "/race")
swapper = threading.Thread(target=swap); swapper.start()
reads = 0
while time.monotonic() < end:
    try:
        fd = os.open(mnt + "/race", os.O_RDONLY | os.O_NOFOLLOW)
        assert os.read(fd, 100) in (b"public", b""), "secret"
        os.close(fd); reads += 1
    except OSError:
        pass
swapper.join()
print("%d reads" % reads)
END
rm -rf "$mnt/race" "$mnt/team"
stop

# ---- A directory that is moved out of the source ----
mkdir -p "$source/shown/in/deep" "$source/outside"
everything=$source source=$source/shown
start_server "$passthrough" -o export,timeout=0
python3 - "$mnt" "$everything" <<'END' || fail "a directory that was moved out"
import os, sys
mnt, host = sys.argv[1:]
deep = os.open(mnt + "/in/deep", os.O_RDONLY | os.O_DIRECTORY)
top = os.stat(mnt).st_ino
os.rename(host + "/shown/in/deep", host + "/outside/deep")
os.close(os.open("file", os.O_CREAT | os.O_WRONLY, dir_fd=deep))     # as with any open directory
assert os.path.exists(host + "/outside/deep/file")
up = os.open("..", os.O_RDONLY | os.O_DIRECTORY, dir_fd=deep)        # but not the way up
assert "outside" not in os.listdir(up) and "deep" not in os.listdir(up)
for _ in range(5):
    up = os.open("..", os.O_RDONLY | os.O_DIRECTORY, dir_fd=up)
    assert "outside" not in os.listdir(up)
    assert {e.name: e.inode() for e in os.scandir(mnt)}.keys() == {"in"}
END
stop
source=$everything
rm -rf "$source/shown" "$source/outside"

# ---- Mounts below the source ----
mkdir -p "$source/sub" "$source/same"
mount -t tmpfs none "$source/sub"
touch "$source/sub/file" "$source/file"
start_server "$passthrough" --no_readdirplus
python3 - "$mnt" <<'END' || fail "mounts below the source"
import errno, os, sys
os.chdir(sys.argv[1])
listed = {e.name: e.inode() for e in os.scandir(".")}
for name in listed:
    assert listed[name] == os.lstat(name).st_ino, name
seen = {}
for at, dirs, files in os.walk("."):
    for name in dirs + files:
        st = os.lstat(os.path.join(at, name))
        assert seen.setdefault((st.st_dev, st.st_ino), (at, name)) == (at, name)
for call in (os.rename, os.link):
    try:
        call("file", "sub/other"); assert False
    except OSError as e:
        assert e.errno == errno.EXDEV, e
END
stop
umount "$source/sub"

# ---- A listing tells of each file once ----
mkdir -p "$source/looked/at" "$source/looked/listed"
(cd "$source/looked" && touch at/f1 at/f2 at/f3 at/f4 at/f5 listed/f1 listed/f2 listed/f3 listed/f4 listed/f5)
start_server "$passthrough" --timeout=60
# new_of COMMAND..: how many inodes the server makes, and looks at again, while it runs
new_of() {
	before=$(($(figure new) + $(figure found)))
	"$@" >/dev/null || fail "$*"
	echo $(($(figure new) + $(figure found) - before))
}
python3 -c "import os, sys; [os.stat(d) for d in sys.argv[1:]]" "$mnt/looked/at" "$mnt/looked/listed"
for n in 1 2 3 4 5; do [ -e "$mnt/looked/at/f$n" ]; done
[ "$(new_of ls -l "$mnt/looked/at")" = 0 ] || fail "what was looked up is looked up again to be listed"
[ "$(new_of python3 -c "import os; print(os.listdir('$mnt/looked/listed'))")" = 5 ] ||
	fail "READDIRPLUS tells no attributes"
stop
rm -rf "$source/looked"

# ---- Data that does not come to the server ----
start_server "$passthrough" --passthrough
python3 - "$mnt" <<'END' || fail "files that the kernel reads and writes"
import os, sys
os.chdir(sys.argv[1])
a = os.open("new", os.O_CREAT | os.O_RDWR)
b = os.open("new", os.O_RDONLY)
os.write(a, b"one"); assert os.read(b, 9) == b"one"
os.close(a); os.close(b)
a = os.open("new", os.O_RDWR)
b = os.open("new", os.O_WRONLY | os.O_APPEND)
c = os.open("new", os.O_RDONLY)
os.write(b, b"two"); os.write(a, b"O")
assert os.pread(c, 9, 0) == b"Onetwo" and os.fstat(c).st_size == 6
os.unlink("new")
assert os.pread(c, 9, 0) == b"Onetwo"
END
passed=$("$passthrough" --stats "$mnt" | sed -n 's/.*now; \([0-9]*\) were read.*/\1/p')
case $(uname -r) in
[0-5].* | 6.[0-8].*) [ "$passed" = 0 ] || fail "this kernel cannot do that" ;;
*) [ "$passed" = 5 ] || fail "$passed opens went past the server, not 5" ;;
esac
stop

# ---- Locks that the host knows ----
start_server "$passthrough" --remote_locks
python3 - "$mnt" "$source" <<'END' || fail "locks"
import fcntl, os, sys, signal, time
mnt, source = sys.argv[1:]
a = open(mnt + "/lock", "w+"); b = open(source + "/lock", "r+")
fcntl.flock(a, fcntl.LOCK_EX)
try:
    fcntl.flock(b, fcntl.LOCK_EX | fcntl.LOCK_NB); assert False
except BlockingIOError: pass
fcntl.flock(a, fcntl.LOCK_UN)
fcntl.flock(b, fcntl.LOCK_EX)
pid = os.fork()
if pid == 0:
    fcntl.flock(a, fcntl.LOCK_EX); os._exit(0)
time.sleep(0.2); assert os.waitpid(pid, os.WNOHANG) == (0, 0)
os.stat(mnt)                                    # others are served meanwhile
fcntl.flock(b, fcntl.LOCK_UN); assert os.waitpid(pid, 0)[1] == 0
fcntl.lockf(a, fcntl.LOCK_EX, 10, 0)
pid = os.fork()
if pid == 0:
    c = open(mnt + "/lock", "r+")
    fcntl.lockf(c, fcntl.LOCK_EX | fcntl.LOCK_NB, 10, 10)
    try: fcntl.lockf(c, fcntl.LOCK_EX | fcntl.LOCK_NB, 10, 5); os._exit(1)
    except OSError: pass
    signal.signal(signal.SIGALRM, lambda *_: os._exit(0)); signal.alarm(1)
    fcntl.lockf(c, fcntl.LOCK_EX, 10, 5); os._exit(2)   # interrupted
assert os.waitpid(pid, 0)[1] == 0
pid = os.fork()
if pid == 0:
    c = open(mnt + "/lock", "r+"); fcntl.lockf(c, fcntl.LOCK_EX, 10, 0); os._exit(0)
time.sleep(0.2); a.close()                      # which unlocks
assert os.waitpid(pid, 0)[1] == 0
END
[ "$(figure owners)" = 0 ] || fail "owners of locks are left"
stop

# ---- The derived servers ----
touch "$source/before"
start_server "$build/examples/readonly"
expect 1 "Read-only" touch "$mnt/new"
expect 1 "Read-only" rm "$mnt/before"
expect 1 "Read-only" chmod 600 "$mnt/before"
expect 2 "Read-only" sh -c "echo x >>'$mnt/before'"
expect 0 "" cat "$mnt/before"
stop
start_server "$build/examples/audit"
mkdir "$mnt/dir" && echo x >"$mnt/dir/one" && mv "$mnt/dir/one" "$mnt/two" && cat "$mnt/two" && rm "$mnt/two"
for line in "open-create /dir/one" "rename /dir/one -> /two" "open-read /two" "unlink /two"; do
	grep -q "uid 0 gid 0 $line\$" "$log" || fail "audit has not logged '$line'"
done
stop
echo "passthrough, readonly and audit are as they should be"
