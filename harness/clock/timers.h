/* The timers that the kernel keeps for this process: what timers.c does for the functions of timer_calls.c. */
#ifndef BROWNOUT_TIMERS_H
#define BROWNOUT_TIMERS_H

#include "warp.h"

enum kind { FREE, FILE_TIMER, POSIX_TIMER, PROCESS_TIMER };

struct timer {
    enum kind kind;
    int file;
    timer_t posix;
    clockid_t clock;     /* of a POSIX timer */
    bool running;
    struct instant line; /* by which its wall time was set */
    struct kept_timer *told; /* null as one of too many, and where nobody would hear of a change */
};

/* Both in target time; an absolute moment is on a clock that is so far ahead of CLOCK_MONOTONIC. */
int get_timer(const struct timer *wanted, const struct block *block, struct itimerspec *target) HIDDEN;
int set_timer(const struct timer *wanted, struct block *block, bool absolute, int64_t offset,
              const struct itimerspec *target, struct itimerspec *old) HIDDEN;

/* A POSIX timer that has been made, and one that is to be deleted. */
void enlist_timer(const struct timer *made) HIDDEN;
void strike_timer(const struct timer *wanted) HIDDEN;
bool warped_timer(const struct block *block, const struct timer *wanted, int64_t *offset) HIDDEN;

struct timeval rounded_up(const struct timespec *t) HIDDEN;

#endif
