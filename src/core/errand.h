/*
 * errand.h
 *		One thread beside a process of the server, for calls of a library that cannot be told to return within milliseconds.
 *
 * The process submits a task and goes on; when the task is done a descriptor becomes readable. One task at a time. A task and all that
 * it points to belongs to the thread from cf_errand_submit() until cf_errand_done() gives it back.
 */
#ifndef CF_CORE_ERRAND_H
#define CF_CORE_ERRAND_H

#include "core/error.h"

typedef struct CfErrand CfErrand;

/*
 * cf_errand_start starts a thread, with all signals blocked, that calls work(owner, task) for each task. NULL = it cannot be had.
 * work runs on the thread: it calls nothing of the server.
 */
extern CfErrand *cf_errand_start(void (*work) (void *owner, void *task), void *owner, CfError *err);

/* cf_errand_fd is readable when a task is done, until cf_errand_done() was called. */
extern int	cf_errand_fd(const CfErrand *errand);

extern void cf_errand_submit(CfErrand *errand, void *task);

/* cf_errand_done gives the task back once it is done; NULL = it is not, or there is none. */
extern void *cf_errand_done(CfErrand *errand);

/* cf_errand_stop waits for the task and ends the thread. For tests: a worker just ends its process. */
extern void cf_errand_stop(CfErrand *errand);

#endif							/* CF_CORE_ERRAND_H */
