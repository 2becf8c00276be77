/*
 * errand.c
 *		A thread with one task at a time: a mutex, a condition, and a pipe that tells the process's latch loop of the end.
 *
 * A task that hangs keeps its thread and nothing else: the process goes on, and may end without it (cf_worker_has_threads()).
 */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/errand.h"

struct CfErrand
{
	pthread_t	thread;
	pthread_mutex_t mutex;		/* of task, done, stop */
	pthread_cond_t wanted;
	void	   *task;
	bool		done;
	bool		stop;
	int			ends[2];		/* a pipe; a byte in it = done */
	void		(*work) (void *owner, void *task);
	void	   *owner;
};

static void *
run(void *arg)
{
	CfErrand   *self = arg;

	pthread_mutex_lock(&self->mutex);
	while (!self->stop)
	{
		void	   *task = self->done ? NULL : self->task;

		if (task == NULL)
		{
			pthread_cond_wait(&self->wanted, &self->mutex);
			continue;
		}
		pthread_mutex_unlock(&self->mutex);
		self->work(self->owner, task);
		pthread_mutex_lock(&self->mutex);
		self->done = true;
		/* One byte per task, taken with it: the pipe is never full. */
		if (write(self->ends[1], "", 1) < 0)
			self->stop = true;
	}
	pthread_mutex_unlock(&self->mutex);
	return NULL;
}

CfErrand *
cf_errand_start(void (*work) (void *owner, void *task), void *owner, CfError *err)
{
	CfErrand   *self = calloc(1, sizeof(CfErrand));
	sigset_t	all,
				before;
	int			failed;

	if (self == NULL || pipe2(self->ends, O_NONBLOCK | O_CLOEXEC) != 0)
	{
		free(self);
		cf_error_set(err, CF_ERR_MEMORY, "could not start a thread");
		return NULL;
	}
	self->work = work;
	self->owner = owner;
	pthread_mutex_init(&self->mutex, NULL);
	pthread_cond_init(&self->wanted, NULL);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	failed = pthread_create(&self->thread, NULL, run, self);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (failed == 0)
		return self;
	close(self->ends[0]);
	close(self->ends[1]);
	free(self);
	cf_error_set(err, CF_ERR_MEMORY, "could not start a thread");
	return NULL;
}

int
cf_errand_fd(const CfErrand *self)
{
	return self->ends[0];
}

void
cf_errand_submit(CfErrand *self, void *task)
{
	pthread_mutex_lock(&self->mutex);
	self->task = task;
	self->done = false;
	pthread_cond_signal(&self->wanted);
	pthread_mutex_unlock(&self->mutex);
}

void *
cf_errand_done(CfErrand *self)
{
	void	   *task = NULL;
	char		byte;

	pthread_mutex_lock(&self->mutex);
	if (self->done && self->task != NULL && read(self->ends[0], &byte, 1) == 1)
	{
		task = self->task;
		self->task = NULL;
		self->done = false;
	}
	pthread_mutex_unlock(&self->mutex);
	return task;
}

void
cf_errand_stop(CfErrand *self)
{
	pthread_mutex_lock(&self->mutex);
	self->stop = true;
	pthread_cond_signal(&self->wanted);
	pthread_mutex_unlock(&self->mutex);
	pthread_join(self->thread, NULL);
	pthread_cond_destroy(&self->wanted);
	pthread_mutex_destroy(&self->mutex);
	close(self->ends[0]);
	close(self->ends[1]);
	free(self);
}
