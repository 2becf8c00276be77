/*
 * An errand does one task at a time on a thread of its own, and tells of its end by a descriptor.
 */
#include "harness/tap.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>

#include "core/errand.h"

typedef struct Task
{
	int			in;
	int			out;
	pthread_t	thread;
	sigset_t	blocked;
} Task;

static int	done_so_far;

static void
work(void *owner, void *errand)
{
	Task	   *task = errand;

	(*(int *) owner)++;
	task->out = task->in * 2;
	task->thread = pthread_self();
	pthread_sigmask(SIG_SETMASK, NULL, &task->blocked);
}

int
main(void)
{
	CfError		err;
	CfErrand   *errand = cf_errand_start(work, &done_so_far, &err);
	struct pollfd ready;

	if (errand == NULL)
		bail("no thread: %s", err.message);
	ready = (struct pollfd){cf_errand_fd(errand), POLLIN, 0};
	ok(cf_errand_done(errand) == NULL, "nothing is done before anything was asked for");
	is_int(poll(&ready, 1, 0), 0, "and the descriptor says so");
	for (int i = 1; i <= 3; i++)
	{
		Task		task = {.in = i};

		cf_errand_submit(errand, &task);
		is_int(poll(&ready, 1, 60000), 1, "a task is done");
		is_int(poll(&ready, 1, 0), 1, "which the descriptor says until it is taken");
		ok(cf_errand_done(errand) == &task, "it comes back");
		is_int(task.out, 2 * i, "done");
		is_int(done_so_far, i, "by its owner's means");
		ok(!pthread_equal(task.thread, pthread_self()), "on another thread");
		ok(sigismember(&task.blocked, SIGTERM) == 1 && sigismember(&task.blocked, SIGUSR1) == 1, "that takes no signals");
		ok(cf_errand_done(errand) == NULL, "once");
		is_int(poll(&ready, 1, 0), 0, "and the descriptor rests");
	}
	cf_errand_stop(errand);
	return done_testing();
}
