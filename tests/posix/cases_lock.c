/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * flock(), record locks of processes and of open files, and leases: between two processes,
 * waiting, and waiting interrupted by a signal.
 */
#include "cases.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>

/*
 * The other process does one thing at a time: it is told by a byte, and tells the outcome
 * by an errno.
 */
struct other {
	pid_t pid;
	int ask, answer;
};

typedef int (*deed)(int fd);

static _Noreturn void serve_deeds(int ask, int answer, const char *path, const deed *deeds)
{
	int fd = open(path, O_RDWR);
	unsigned char which;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	while (read(ask, &which, 1) == 1) {
		int error = deeds[which](fd) < 0 ? errno : 0;

		if (write(answer, &error, sizeof(error)) != sizeof(error))
			break;
	}
	_exit(0);
}

static struct other start_other(const char *path, const deed *deeds)
{
	struct other other = {0};
	int ask[2], answer[2];

	must(pipe(ask), "pipe");
	must(pipe(answer), "pipe");
	fflush(NULL);
	other.pid = fork();
	must(other.pid, "fork");
	if (other.pid == 0) {
		close(ask[1]); /* so that it ends with this process */
		close(answer[0]);
		serve_deeds(ask[0], answer[1], path, deeds);
	}
	close(ask[0]);
	close(answer[1]);
	other.ask = ask[1];
	other.answer = answer[0];
	return other;
}

static void tell(const struct other *other, unsigned char which)
{
	must(write(other->ask, &which, 1) == 1 ? 0 : -1, "ask the other process");
}

static void see_answer(const struct other *other, const char *label)
{
	int error = EIO;

	if (read(other->answer, &error, sizeof(error)) != sizeof(error))
		error = EPIPE;
	errno = error;
	see(label, error ? -1 : 0);
}

static void see_deed(const struct other *other, unsigned char which, const char *label)
{
	tell(other, which);
	see_answer(other, label);
}

static void on_alarm(int signal)
{
	(void)signal;
}

/* A signal without SA_RESTART after 100 ms, and then every 100 ms. */
static void interrupt_soon(void)
{
	const struct sigaction action = {.sa_handler = on_alarm};
	const struct sigevent event = {.sigev_notify = SIGEV_SIGNAL,
				       .sigev_signo = SIGUSR1};
	const struct itimerspec soon = {{0, 100000000}, {0, 100000000}};
	timer_t timer;

	sigaction(SIGUSR1, &action, NULL);
	must(timer_create(CLOCK_MONOTONIC, (struct sigevent *)&event, &timer), "timer");
	must(timer_settime(timer, 0, &soon, NULL), "timer");
}

/* clang-format off */
static int flock_sh(int fd) { return flock(fd, LOCK_SH | LOCK_NB); }
static int flock_ex(int fd) { return flock(fd, LOCK_EX | LOCK_NB); }
static int flock_wait(int fd) { return flock(fd, LOCK_EX); }
static int flock_un(int fd) { return flock(fd, LOCK_UN); }
static int flock_end(int fd) { (void)fd; _exit(0); }
/* clang-format on */

static int flock_interrupted(int fd)
{
	interrupt_soon();
	return flock(fd, LOCK_EX);
}

static const deed flock_deeds[] = {flock_sh, flock_ex,	flock_wait,
				   flock_un, flock_end, flock_interrupted};

static void whole_files(void)
{
	struct other other;
	int fd;

	put_file("f", 0600, "x");
	fd = open("f", O_RDWR);
	other = start_other("f", flock_deeds);
	see("shared", flock(fd, LOCK_SH));
	see_deed(&other, 0, "other shared");
	see("exclusive", flock(fd, LOCK_EX | LOCK_NB));
	see_deed(&other, 3, "other unlocks");
	see("exclusive then", flock(fd, LOCK_EX | LOCK_NB));
	see_deed(&other, 0, "other shared against exclusive");
	see_deed(&other, 1, "other exclusive against exclusive");
	see_deed(&other, 5, "other waits, interrupted");
	tell(&other, 2);
	tick();
	see("unlock", flock(fd, LOCK_UN));
	see_answer(&other, "other waits");
	see("against the other", flock(fd, LOCK_SH | LOCK_NB));
	see("second descriptor", flock(open("f", O_RDWR), LOCK_EX | LOCK_NB));
	tell(&other, 4);
	see("when the other ends", flock(fd, LOCK_EX));
	see("own second descriptor", flock(open("f", O_RDWR), LOCK_EX | LOCK_NB));
	see("duplicate", flock(dup(fd), LOCK_EX | LOCK_NB));
	see("bad operation", flock(fd, 99));
	see("read only", flock(open(".", O_RDONLY), LOCK_EX | LOCK_NB));
	see("path only", flock(open("f", O_PATH), LOCK_SH));
}

static int lock(int fd, int command, short type, off_t start, off_t length)
{
	struct flock lock = {.l_type = type, .l_whence = SEEK_SET};

	lock.l_start = start;
	lock.l_len = length;
	return fcntl(fd, command, &lock);
}

/* clang-format off */
static int record_read(int fd) { return lock(fd, F_SETLK, F_RDLCK, 0, 10); }
static int record_write(int fd) { return lock(fd, F_SETLK, F_WRLCK, 0, 10); }
static int record_after(int fd) { return lock(fd, F_SETLK, F_WRLCK, 10, 10); }
static int record_wait(int fd) { return lock(fd, F_SETLKW, F_WRLCK, 0, 0); }
static int record_un(int fd) { return lock(fd, F_SETLK, F_UNLCK, 0, 0); }
static int record_open_file(int fd) { return lock(fd, F_OFD_SETLK, F_WRLCK, 0, 10); }
/* clang-format on */

static int record_interrupted(int fd)
{
	interrupt_soon();
	return lock(fd, F_SETLKW, F_WRLCK, 0, 0);
}

/* Closing any descriptor of the file ends the process's locks on it. */
static int record_close(int fd)
{
	(void)fd;
	return close(open("f", O_RDONLY));
}

static const deed record_deeds[] = {
	record_read, record_write,     record_after,	   record_wait,
	record_un,   record_open_file, record_interrupted, record_close,
};

/* What F_GETLK says, the process as "other" or not. */
static void see_getlk(const char *label, int fd, int command, const struct other *other)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	int result = fcntl(fd, command, &lock);

	if (result < 0)
		see(label, -1);
	else
		see_value(label, "type %d from %jd length %jd by %s", lock.l_type,
			  (intmax_t)lock.l_start, (intmax_t)lock.l_len,
			  lock.l_pid == other->pid ? "the other"
			  : lock.l_pid == -1	   ? "an open file"
						   : "no one");
}

static void records(void)
{
	struct other other;
	int fd;

	put_file("f", 0600, "0123456789");
	fd = open("f", O_RDWR);
	other = start_other("f", record_deeds);
	see("read lock", lock(fd, F_SETLK, F_RDLCK, 0, 10));
	see_deed(&other, 0, "other reads");
	see_deed(&other, 1, "other writes");
	see_deed(&other, 2, "other writes after it");
	see_getlk("F_GETLK", fd, F_GETLK, &other);
	see("write lock", lock(fd, F_SETLK, F_WRLCK, 0, 5));
	see_deed(&other, 4, "other unlocks");
	see("write lock then", lock(fd, F_SETLK, F_WRLCK, 0, 5));
	see_deed(&other, 6, "other waits, interrupted");
	tell(&other, 3);
	tick();
	see("unlock", lock(fd, F_SETLK, F_UNLCK, 0, 0));
	see_answer(&other, "other waits");
	see_getlk("F_GETLK then", fd, F_GETLK, &other);
	see_deed(&other, 7, "other closes one descriptor");
	see("write lock at last", lock(fd, F_SETLK, F_WRLCK, 0, 0));
	see("bad range", lock(fd, F_SETLK, F_WRLCK, -5, 1));
	see("bad type", lock(fd, F_SETLK, 99, 0, 1));
	see("read lock on write only", lock(open("f", O_WRONLY), F_SETLK, F_RDLCK, 0, 1));
	see("write lock on read only", lock(open("f", O_RDONLY), F_SETLK, F_WRLCK, 0, 1));
}

static void deadlock(void)
{
	struct other other;
	int fd;

	put_file("f", 0600, "0123456789");
	fd = open("f", O_RDWR);
	other = start_other("f", record_deeds);
	see("lock", lock(fd, F_SETLK, F_WRLCK, 0, 10));
	see_deed(&other, 2, "other locks");
	tell(&other, 3);
	tick();
	see("wait for the other", lock(fd, F_SETLKW, F_WRLCK, 10, 10));
	see("unlock", lock(fd, F_SETLK, F_UNLCK, 0, 0));
	see_answer(&other, "other");
}

static void open_files(void)
{
	struct other other;
	int fd, second;

	put_file("f", 0600, "0123456789");
	fd = open("f", O_RDWR);
	second = open("f", O_RDWR);
	other = start_other("f", record_deeds);
	see("lock", lock(fd, F_OFD_SETLK, F_WRLCK, 0, 10));
	see("own second", lock(second, F_OFD_SETLK, F_WRLCK, 0, 10));
	see("own process lock", lock(fd, F_SETLK, F_WRLCK, 0, 10));
	see_deed(&other, 1, "other process lock");
	see_deed(&other, 5, "other open file lock");
	see_getlk("F_OFD_GETLK", second, F_OFD_GETLK, &other);
	see("close of the second", close(second));
	see_deed(&other, 1, "other process lock still");
	see("unlock", lock(fd, F_OFD_SETLK, F_UNLCK, 0, 0));
	see_deed(&other, 5, "other open file lock then");
	see("against it", lock(fd, F_OFD_SETLK, F_RDLCK, 5, 1));
	see("beside it", lock(fd, F_OFD_SETLK, F_RDLCK, 10, 1));
	see("flock beside it", flock(fd, LOCK_EX | LOCK_NB));
}

static const struct posix_case cases[] = {
	{"flock", whole_files, NULL},
	{"records", records, NULL},
	{"deadlock", deadlock, NULL},
	{"open_files", open_files, NULL},
};

const struct family lock_family = {"lock", cases, COUNT(cases)};
